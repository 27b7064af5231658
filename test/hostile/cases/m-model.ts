import { checkPlan, PlanProposal, Policy, plainLine } from "@headrace/domain";
import { checkEvidence } from "@headrace/verify";
import { expect } from "vitest";
import { call, say } from "../../support/agent-rig.ts";
import { failureOf, request } from "../../support/models.ts";
import { rigFor } from "../../support/sample-maker.ts";
import { task } from "../../support/script.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { openWireModel, streamOf, USAGE } from "../wire-model.ts";
import { REPLIES } from "./m-replies.ts";

const POLICY = Policy.parse({
  gates: [{ name: "test", run: "true" }],
  setup: [],
  protected: [],
  from: { gates: "file", setup: "file" },
});
const LISTED = [{ id: "r1", text: "x", span: { from: 1, to: 1 }, source: "listed" as const }];

const plan = (n: number, title: string, tasks: unknown[], words: RegExp): HostileCase =>
  hostile({
    id: `M${String(n).padStart(2, "0")}`,
    title,
    verdict: "fails",
    build: () => PlanProposal.parse({ summary: "x", tasks }),
    run(proposal) {
      const context = { listed: LISTED, spec: "x", policy: POLICY, tasks: {} };
      expect(checkPlan(proposal, context).join("\n")).toMatch(words);
      return "fails";
    },
  });

const PLANS: readonly HostileCase[] = [
  plan(
    6,
    "a plan with a cycle",
    [task("a", { blockedBy: ["b"] }), task("b", { blockedBy: ["a"] })],
    /cycle/,
  ),
  plan(7, "a plan with the same id twice", [task("a"), task("a")], /more than once/),
  plan(
    8,
    "a plan that waits for a task that is missing",
    [task("a", { blockedBy: ["gone"] })],
    /is no task of this plan/,
  ),
];

/** A stream whose usage is no number of tokens; JSON has no NaN, so it is a word. */
const usage = (letter: string, value: unknown): HostileCase =>
  hostile({
    id: `M12${letter}`,
    title: `usage of ${String(value)} tokens`,
    verdict: "refused",
    build: () => [USAGE, { input_tokens: value, output_tokens: value }],
    async run(usages): Promise<Verdict> {
      const streams = usages.map((one) => streamOf([say("done")], one));
      await using model = await openWireModel(streams);
      // the same stream with a usage that is one is a reply
      expect((await model.client.complete(request())).reply.usage.input).toBe(10);
      const failure = await failureOf(model.client.complete(request()));
      expect(failure).toMatchObject({ facts: { class: "server" }, billed: true });
      expect(failure.message).toContain("usage");
      return "refused";
    },
  });

const ESCAPES = [
  "\u001b[2J\u001b[H",
  "\u001b]8;;http://attacker.example\u0007click\u001b]8;;\u0007",
  "\u001b]52;c;ZXZpbA==\u0007",
  "\u009b31m",
  "\r\nheadrace: landed",
  "a\u202etxt.exe",
  "\u200b\u2066x\u2069",
];

const OTHERS: readonly HostileCase[] = [
  hostile({
    id: "M13",
    title: "ANSI, OSC 8, OSC 52, carriage returns and bidi marks in text for a terminal",
    verdict: "sanitised",
    build: () => ESCAPES,
    run(texts) {
      for (const text of texts) expect(plainLine(text)).toMatch(/^[\x20-\x7e]*$/);
      return "sanitised";
    },
  }),
  hostile({
    id: "M15",
    title: "the same call for ever, with tiny variations",
    verdict: "contained",
    build: () =>
      rigFor(
        Array.from({ length: 60 }, (_, n) => [
          call("bash", { command: `true ${" ".repeat(n % 3)}` }),
        ]),
      ),
    async run(made): Promise<Verdict> {
      await using rig = made;
      const end = await rig.run();
      expect(end).toMatchObject({ kind: "ended", end: { end: "limit", limit: "turns" } });
      expect(rig.requests).toHaveLength(20);
      return "contained";
    },
  }),
  hostile({
    id: "M16",
    title: "a claim that is met and verified, by its own word",
    verdict: "fails",
    build: () => ({
      claims: [
        { requirement: "r1", met: true, reason: "verified: true", evidence: [], verified: true },
      ],
    }),
    async run({ claims }): Promise<Verdict> {
      const never = () => Promise.reject(new Error("nothing was to be run"));
      const [result] = await checkEvidence({ claims, runCommand: never, readFile: never });
      expect(result).toMatchObject({ met: false });
      return "fails";
    },
  }),
];

export const MODEL_OUTPUT: readonly HostileCase[] = [
  ...REPLIES,
  ...PLANS,
  usage("a", -1),
  usage("b", 1e308),
  usage("c", "NaN"),
  usage("d", 0.5),
  ...OTHERS,
];
