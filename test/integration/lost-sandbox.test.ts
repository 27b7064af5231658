import { type Policy, StepResult } from "@headrace/domain";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const rigWith = (turns: readonly unknown[], policy: Partial<Policy> = {}) =>
  workerRig({
    sandboxes: harness.sandboxes,
    history: [{ "a.txt": "one\n" }],
    policy,
    conversations: [{ role: "coder", task: "t1", turns }],
  });

const bash = (command: string) => ({ bash: { command } });
/** As an agent can: its commands run as the supervisor's own user. */
const KILL_ALL = "echo lost >> a.txt; kill -9 -1";
/** Writes an answer that nobody asked for to the supervisor's own stdout. */
const DECEIVE = `node -e '${[
  'const fs = require("fs");',
  'const pids = fs.readdirSync("/proc").filter((p) => /^[0-9]+$/.test(p));',
  'const it = pids.find((p) => { try { return fs.readFileSync("/proc/" + p + "/cmdline", "latin1").includes("supervisor.mjs"); } catch {} });',
  "const json = Buffer.from(JSON.stringify({ id: 4242, ok: true }));",
  "const head = Buffer.alloc(8); head.writeUInt32BE(json.length, 0);",
  'fs.writeSync(fs.openSync("/proc/" + it + "/fd/1", "w"), Buffer.concat([head, json]));',
].join(" ")}'; sleep 5`;

test.each([
  ["kills", KILL_ALL],
  ["deceives", DECEIVE],
])(
  "an agent that %s its supervisor loses that one call, within the same claim",
  async (_how, command) => {
    await using rig = await rigWith([
      { calls: [bash("echo two >> a.txt")] },
      { calls: [bash("echo three >> a.txt"), bash(command), bash("cat a.txt")] },
      { contains: ["one\ntwo\nthree", "has been replaced"], calls: [bash("echo four >> a.txt")] },
      { calls: [{ submit_change: { summary: "Counts." } }] },
    ]);
    const step = await rig.request("code", coding(rig.base));
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const result = StepResult.parse((await rig.row(step))?.result);
    if (result.kind !== "agent" || result.result.end !== "submitted")
      throw new Error("not submitted");
    const bytes = await rig.factory.read(result.result.snapshot ?? "", "a.txt");
    expect(Buffer.from(bytes ?? []).toString()).toBe("one\ntwo\nthree\nfour\n");
    const parts = await rig.store.records(rig.run, step);
    expect(parts.flatMap((p) => (p.kind === "tool" && p.result.isError ? [p.result] : []))).toEqual(
      [
        expect.objectContaining({
          lost: true,
          content: expect.stringContaining("the sandbox was lost"),
        }),
      ],
    );
  },
);

test("an environment's step says what its sandboxes have", async () => {
  await using rig = await rigWith([{ text: "unused" }]);
  const step = await rig.request("env", { kind: "environment", commit: rig.base });
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  const result = (await rig.row(step))?.result;
  expect(result?.kind === "environment" && result.facts).toMatch(
    /^tools: node \d+\.\d+\.\d+, npm .*git \d+\.\d+[\s\S]*\nlimits: [\s\S]*\nnetwork: none/,
  );
});
