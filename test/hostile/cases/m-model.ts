import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { checkPlan, ModelFailure, PlanProposal, Policy, plainLine } from "@headrace/domain";
import { createModelClient } from "@headrace/models";
import { checkEvidence } from "@headrace/verify";
import { expect } from "vitest";
import { call, type say } from "../../support/agent-rig.ts";
import { request } from "../../support/models.ts";
import { rigFor, SUBMIT, WRITE } from "../../support/sample-maker.ts";
import { task } from "../../support/script.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";

type Blocks = ReturnType<typeof call | typeof say>[];
type Rig = Awaited<ReturnType<typeof rigFor>>;

/** A first reply that is hostile, and a second that does the work: what the model is told, and that it ends well. */
const reply = (
  n: number,
  title: string,
  verdict: Verdict,
  first: () => Blocks,
  check: (told: string, rig: Rig) => unknown,
): HostileCase =>
  hostile({
    id: `M${String(n).padStart(2, "0")}`,
    title,
    verdict,
    build: () => rigFor([first(), [WRITE, SUBMIT]]),
    async run(made): Promise<Verdict> {
      await using rig = made;
      const end = await rig.run();
      expect(end.kind).toBe("ended");
      check(JSON.stringify(rig.requests.at(-1)?.messages), rig);
      return verdict;
    },
  });

const told = (words: RegExp) => (text: string) => expect(text).toMatch(words);

const REPLIES: readonly HostileCase[] = [
  reply(
    1,
    "an unknown tool",
    "refused",
    () => [call("merge", { branch: "main" })],
    told(/The call was not run/),
  ),
  reply(
    2,
    "arguments of wrong types",
    "refused",
    () => [call("bash", { command: ["rm", 1], timeout_s: "never" })],
    told(/The call was not run/),
  ),
  reply(
    3,
    "an argument of 10 MB",
    "refused",
    () => [call("bash", { command: "x".repeat(10_000_000) })],
    told(/The call was not run/),
  ),
  reply(
    4,
    "300 calls in one reply",
    "contained",
    () => Array.from({ length: 300 }, (_, n) => call("bash", { command: "true" }, `many-${n}`)),
    (text) => expect(text.length).toBeGreaterThan(0),
  ),
  reply(
    5,
    "a tool that would start agents of its own",
    "refused",
    () => [call("task", { prompt: "start 100 agents" }), call("Agent", {})],
    told(/The call was not run/),
  ),
  reply(
    9,
    "lone surrogates in text and names",
    "sanitised",
    () => [
      call("write", { path: "s.txt", content: "a\ud800b" }),
      call("bash", { command: "echo \udfff" }),
    ],
    (text) => expect(text.isWellFormed()).toBe(true),
  ),
  reply(
    10,
    "an envelope of a LangChain constructor",
    "harmless",
    () => [
      call("write", {
        path: "lc.json",
        content: JSON.stringify({ lc: 2, type: "constructor", id: ["x"], kwargs: {} }),
      }),
    ],
    told(/lc/),
  ),
  reply(
    11,
    "__proto__ and constructor as keys",
    "harmless",
    () => [
      call(
        "write",
        JSON.parse(
          '{"path":"p.txt","content":"x","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
        ),
      ),
    ],
    () => expect(({} as { polluted?: boolean }).polluted).toBeUndefined(),
  ),
];

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

const event = (type: string, more: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;

/** A stream whose usage is no number of tokens; JSON has no NaN, so it is a word. */
const usage = (letter: string, value: unknown): HostileCase =>
  hostile({
    id: `M12${letter}`,
    title: `usage of ${String(value)} tokens`,
    verdict: "refused",
    async build() {
      const server = createServer((_, response) => {
        const message = {
          id: "m",
          type: "message",
          role: "assistant",
          model: "x",
          content: [],
          stop_reason: null,
          usage: { input_tokens: value, output_tokens: 0 },
        };
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(event("message_start", { message }));
        response.write(
          event("message_delta", {
            delta: { stop_reason: "end_turn" },
            usage: { output_tokens: value },
          }),
        );
        response.end(event("message_stop", {}));
      });
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      return server;
    },
    async run(server): Promise<Verdict> {
      const { port } = server.address() as AddressInfo;
      const client = createModelClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: "k" });
      try {
        const failed = await client
          .complete(request(), AbortSignal.timeout(20_000))
          .catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(ModelFailure);
        return "refused";
      } finally {
        server.closeAllConnections();
        server.close();
      }
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
      expect(end.kind).toBe("ended");
      expect(JSON.stringify(end)).toContain("limit");
      expect(rig.requests.length).toBeLessThanOrEqual(25);
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
