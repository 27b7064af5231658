import type { Sandboxes } from "../../packages/domain/src/index.ts";
import { coding, workerRig } from "../../test/support/worker-rig.ts";
import { watchGaps } from "./gaps.ts";

const TURNS = 10;
const FILES = 200;

/** A repository of a few hundred small files in folders. */
export const SAMPLE_TREE: Readonly<Record<string, string>> = {
  "package.json": "{}\n",
  ...Object.fromEntries(
    Array.from({ length: FILES }, (_, i) => [
      `src/part-${i % 20}/file-${i}.js`,
      `export const value${i} = ${i};\n`.repeat(40),
    ]),
  ),
};

/** Each command changes the workspace, so each is followed by a snapshot. */
const turns = (delayMs: number) => [
  ...Array.from({ length: TURNS }, (_, i) => ({
    calls: [{ bash: { command: `echo "line ${i}" >> notes.txt && wc -l < notes.txt` } }],
    delayMs,
  })),
  { calls: [{ submit_change: { summary: "Notes." } }], delayMs },
];

/**
 * A coder that runs ten commands, with the real worker, control plane, store and git, and the simulator as its
 * model over HTTP, which takes `delayMs` for each reply. Answers what lay between each reply and the next request.
 */
export const measureTurns = async (
  sandboxes: Sandboxes,
  delayMs: number,
): Promise<readonly number[]> => {
  await using rig = await workerRig({
    sandboxes,
    history: [SAMPLE_TREE],
    conversations: [{ role: "coder", task: "t1", turns: turns(delayMs) }],
  });
  const step = await rig.request("code", coding(rig.base));
  using watch = watchGaps();
  await rig.deliver(step);
  const result = (await rig.row(step))?.result;
  if (result?.kind !== "agent" || result.result.end !== "submitted") {
    throw new Error(`the agent did not submit: ${JSON.stringify(result)} ${rig.logged.join("; ")}`);
  }
  return watch.gaps;
};
