import { finished } from "node:stream/promises";
import { AgentEnd, LABELS, type StepInput } from "@headrace/domain";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

const SOON = { timeout: 20_000, interval: 50 };
const MARK = "/tmp/marked-while-it-waited";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

/** Containers that were started ahead for a run. */
const waiting = async (run: string) => {
  const label = [`${LABELS.owner}=${harness.owner}`, `${LABELS.run}=${run}`, `${LABELS.step}=warm`];
  return harness.docker.listContainers({ filters: { label } });
};

/** Leaves a file in the only sandbox of the run that waits, so that it is known again from the inside. */
const markTheOneThatWaits = async (run: string): Promise<void> => {
  const id = await vi.waitFor(async () => {
    const [one = expect.fail("none waits"), ...others] = await waiting(run);
    expect(others).toEqual([]);
    return one.Id;
  }, SOON);
  const command = { Cmd: ["touch", MARK], AttachStdout: true };
  const stream = await (await harness.docker.getContainer(id).exec(command)).start({});
  await finished(stream.resume());
};

type Before = (base: string) => StepInput;

test.each<[string, Before]>([
  ["set up", (commit) => ({ kind: "environment", commit })],
  [
    "verified",
    (commit) => ({ kind: "verify", commit, landingBase: commit, gates: ["test"], permits: [] }),
  ],
])(
  "when a commit has been %s, a sandbox waits and the next agent works in it",
  async (_, before) => {
    await using rig = await workerRig({
      sandboxes: harness.sandboxes,
      history: [{ "a.txt": "one\n" }],
      policy: { gates: [{ name: "test", run: "cat a.txt" }] },
      conversations: [
        {
          role: "coder",
          task: "t1",
          turns: [
            { calls: [{ bash: { command: `ls ${MARK} && echo two >> a.txt` } }] },
            { calls: [{ submit_change: { summary: "Counts." } }] },
          ],
        },
      ],
    });
    const first = await rig.request("before", before(rig.base));
    expect(await rig.deliver(first)).toEqual({ kind: "done" });
    await markTheOneThatWaits(rig.run);

    const step = await rig.request("code", coding(rig.base));
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const row = await rig.row(step);
    const end = AgentEnd.parse(row?.result?.kind === "agent" && row.result.result);
    const made = await rig.factory.read(end.snapshot ?? "", "a.txt");
    expect(Buffer.from(made ?? []).toString()).toBe("one\ntwo\n");
    // taken once, and removed behind the agent
    await vi.waitFor(async () => expect(await waiting(rig.run)).toEqual([]), SOON);
  },
);
