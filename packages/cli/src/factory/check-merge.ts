import { plainLine, type RecordedReceipt, type RunState } from "@headrace/domain";
import { openSourceRepo } from "@headrace/repo";
import { baselineFor } from "@headrace/workflows";
import type { DataDir } from "../data-dir.ts";
import { readInstallation } from "../user-config.ts";
import type { World } from "../world.ts";
import type { FactoryReader } from "./reader.ts";
import { type AnswerApart, verifyApart } from "./verify-apart.ts";

/**
 * Runs the gates of a run on its integration branch merged with what its person has done since. Gates and their commands
 * are the frozen ones. What else a task must not do is the person's to do on their own branch: dependencies are installed
 * by the merge's own lockfile, and tests may be fewer than the run left.
 */
export const checkMerge = async (
  world: World,
  from: {
    data: DataDir;
    reader: Pick<FactoryReader, "blob">;
    state: RunState;
    /** on which the run's branch stands */
    receipt: RecordedReceipt;
    /** where the person's branch stands, and it merged with the run's */
    onto: string;
    merged: string;
  },
): Promise<AnswerApart> => {
  const { data, reader, state, receipt, onto, merged } = from;
  const { run } = state;
  const { gates } = receipt.key;
  const source = await openSourceRepo({ path: run.repo.path });
  const installation = await readInstallation({ env: world.env, dataDir: data.root });
  return verifyApart(
    {
      ...{ installation, data, env: world.env, signal: world.interrupt },
      onLine: (line) => world.out(`  ${plainLine(line)}`),
      onWarning: world.err,
    },
    {
      run: run.id,
      base: run.base,
      policy: run.policy,
      policyHash: receipt.key.policy,
      asked: {
        ...{ commit: merged, landingBase: onto, gates },
        permits: ["lockfile", ...gates.map((gate) => `gates:${gate}` as const)],
        // by which tests that were red before the run may still be
        baseline: baselineFor(state, run.tip),
        twice: true,
      },
      pack: (commit) => source.pack(commit),
      blob: (id) => reader.blob(run.id, id),
    },
  );
};
