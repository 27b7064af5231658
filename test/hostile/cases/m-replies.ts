import { join } from "node:path";
import type { AgentRun } from "@headrace/agent";
import { createClock, openStore } from "@headrace/store";
import { emptyCheckpoint } from "@langchain/langgraph-checkpoint";
import { expect } from "vitest";
import { call, say } from "../../support/agent-rig.ts";
import { tempDir } from "../../support/git.ts";
import { failureOf, request } from "../../support/models.ts";
import { rigFor, SUBMIT, WRITE } from "../../support/sample-maker.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { type Block, openWireModel, streamOf, USAGE } from "../wire-model.ts";

/** LangGraph's own serializer builds a `Set` of it. */
const ENVELOPE = { lc: 2, type: "constructor", id: ["Set"], args: [["built"]] };

/** What comes back of a value that a graph keeps in a checkpoint of the store. */
const throughCheckpoint = async (value: unknown): Promise<unknown> => {
  await using dir = await tempDir("headrace-hostile-store-");
  const store = await openStore({ file: join(dir.path, "headrace.db"), clock: createClock() });
  try {
    const saver = await store.checkpoints();
    const checkpoint = {
      ...emptyCheckpoint(),
      channel_values: { value },
      channel_versions: { value: 1 },
    };
    const at = { configurable: { thread_id: "hostile", checkpoint_ns: "" } };
    const config = await saver.put(
      at,
      checkpoint,
      { source: "loop", step: 0, parents: {} },
      { value: 1 },
    );
    return (await saver.getTuple(config))?.checkpoint.channel_values.value;
  } finally {
    await store.close();
  }
};

type Played = {
  /** what the tools answered to the hostile reply, in the order of its calls */
  answers: { content: string; is_error?: boolean }[];
  /** all requests, as their bytes came to the provider */
  bodies: readonly string[];
  end: AgentRun;
  rig: Awaited<ReturnType<typeof rigFor>>;
};

/**
 * A first reply that is hostile, and a second that does the work: both come over the wire, through the client of the
 * provider. What the tools answered, and that it ends well; the model's own words are no answer.
 */
const reply = (
  n: number,
  title: string,
  verdict: Verdict,
  first: () => Block[],
  check: (played: Played) => unknown,
): HostileCase =>
  hostile({
    id: `M${String(n).padStart(2, "0")}`,
    title,
    verdict,
    build: first,
    async run(content, stage): Promise<Verdict> {
      const replies = [content, [WRITE, SUBMIT]];
      await using model = await openWireModel(replies.map((blocks) => streamOf(blocks, USAGE)));
      await using rig = await rigFor([], { client: model.client });
      const end = await rig.run();
      expect(end).toMatchObject({ kind: "ended", end: { end: "submitted" } });
      const answers = (rig.requests.at(-1)?.messages.at(-1)?.content ?? []).filter(
        ({ type }) => type === "tool_result",
      ) as Played["answers"];
      for (const body of model.heard) stage.canaries.note("what a provider was sent", body);
      await check({ answers, bodies: model.bodies, end, rig });
      return verdict;
    },
  });

/** None of so many calls was run, and the model is told so and why. */
const notRun =
  (why: string, count = 1) =>
  ({ answers }: Played) => {
    expect(answers).toHaveLength(count);
    for (const answer of answers)
      expect(answer).toMatchObject({
        is_error: true,
        content: expect.stringMatching(new RegExp(`^The call was not run: ${why}`)),
      });
  };

const SIGNED = { type: "thinking", thinking: "a \u{1f30a} b", signature: "c2lnbmVk" };

const PLAYED: readonly HostileCase[] = [
  reply(
    1,
    "an unknown tool",
    "refused",
    () => [call("merge", { branch: "main" })],
    notRun("there is no tool"),
  ),
  reply(
    2,
    "arguments of wrong types",
    "refused",
    () => [call("bash", { command: ["rm", 1], timeout_s: "never" })],
    notRun("✖ Invalid input: expected string, received array"),
  ),
  reply(
    3,
    "an argument of 10 MB",
    "refused",
    () => [call("bash", { command: "x".repeat(10_000_000) })],
    notRun("✖ Too big"),
  ),
  reply(
    4,
    "300 calls in one reply",
    "contained",
    () => Array.from({ length: 300 }, (_, n) => call("bash", { command: `echo ${n}` })),
    ({ answers }) => {
      // each is run, in its order, and answered: the API refuses a call without its result
      expect(answers).toHaveLength(300);
      for (const [n, { content, is_error }] of answers.entries()) {
        expect(is_error).toBeUndefined();
        expect(content).toMatch(new RegExp(`^${n}$`, "m"));
      }
    },
  ),
  reply(
    5,
    "a tool that would start agents of its own",
    "refused",
    () => [call("task", { prompt: "start 100 agents" }), call("Agent", {})],
    notRun("there is no tool", 2),
  ),
  reply(
    9,
    "lone surrogates in text, names, keys and arguments, beside a signed block",
    "sanitised",
    () => [
      SIGNED,
      say("a\ud800b"),
      call("write", { path: "s.txt", content: "a\ud800b \u{1f30a}", "k\udc00": 1 }),
      call("bash", { command: "echo \udfff; printf '\\355\\240\\200'" }),
      call("no\ud800tool", {}),
    ],
    ({ bodies, rig }) => {
      expect(bodies).toHaveLength(2);
      const [, sent = ""] = bodies;
      expect(sent).not.toMatch(/\\ud[89a-f]/i);
      expect(JSON.stringify(rig.records)).not.toMatch(/\\ud[89a-f]/i);
      // what came is there, harmless; what is signed is there as it came
      const text = Buffer.from(sent, "latin1").toString();
      expect(text).toContain("a\ufffdb \u{1f30a}");
      expect(text).toContain("k\ufffd");
      expect(text).toContain(JSON.stringify(SIGNED).slice(1, -1));
    },
  ),
  reply(
    10,
    "an envelope of a LangChain constructor",
    "harmless",
    () => [
      call("write", { path: "lc.json", content: JSON.stringify(ENVELOPE) }),
      call("bash", { command: "cat lc.json" }),
    ],
    async ({ answers, end, rig }) => {
      expect(answers[1]?.content).toContain(JSON.stringify(ENVELOPE));
      expect(JSON.parse(rig.fileOf(rig.packs.at(-1) ?? "", "lc.json"))).toEqual(ENVELOPE);
      // nor is anything built of it where a graph keeps what came of the work
      const kept = JSON.parse(JSON.stringify({ end, said: ENVELOPE, deep: [{ x: ENVELOPE }] }));
      expect(await throughCheckpoint(kept)).toStrictEqual(kept);
    },
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
    ({ answers, bodies }) => {
      expect(bodies[1]).toContain('"__proto__":{"polluted":true}');
      expect(answers).toHaveLength(1);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    },
  ),
];

/** Halves of pairs in what is signed can be neither sent back nor mended: such a reply is none, and asked for anew. */
const SIGNED_HALF = hostile({
  id: "M09b",
  title: "a lone surrogate in a signed block",
  verdict: "refused",
  build: () => [{ ...SIGNED, thinking: "a\ud800b" }, say("done")],
  async run(blocks): Promise<Verdict> {
    await using model = await openWireModel([streamOf(blocks, USAGE)]);
    const failure = await failureOf(model.client.complete(request()));
    expect(failure).toMatchObject({ facts: { class: "server" }, billed: true });
    expect(failure.message).toContain("surrogate");
    return "refused";
  },
});

export const REPLIES: readonly HostileCase[] = [...PLAYED, SIGNED_HALF];
