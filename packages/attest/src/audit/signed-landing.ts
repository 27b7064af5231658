import {
  branchRef,
  integrationBranch,
  Policy,
  type RecordedReceipt,
  type RunState,
  UserError,
} from "@headrace/domain";
import { type Batch, readBatches } from "./batches.ts";
import { recordedBlob } from "./blobs.ts";
import { type Log, readLog } from "./log.ts";
import { type AuditOptions, Tally, Violation } from "./records.ts";
import { checkSigned } from "./signatures.ts";

/** A landing whose records were shown to be what was signed: all that is needed to run its gates again. */
export type SignedLanding = {
  /** the run as its log tells it */
  state: RunState;
  /** the one that was asked for; `part`: its place in a batch that was verified as a whole */
  asked: { commit: string; task: string; part?: { index: number; of: number } };
  /** the last landing of the batch, whose tree the receipt is of, and the commit that it stands on */
  commit: string;
  base: string;
  receipt: RecordedReceipt;
  /** id of the key that signed it */
  key: string;
  policy: Policy;
  /** What the log names by this hash, or the violation that it is gone or another. */
  blob(id: string): Promise<Uint8Array>;
};

const batchOf = async (options: AuditOptions, log: Log, commit: string): Promise<Batch> => {
  for await (const batch of readBatches(options, log))
    if (batch.landings.some(({ event }) => event.commit === commit)) return batch;
  throw new Violation(`commit ${commit}`, "is no landing that the log tells of");
};

/** The landing that the branch stands at. */
const lastLanding = async ({ git, run }: AuditOptions, { state }: Log): Promise<string> => {
  const ref = branchRef(integrationBranch(run));
  const tip = await git.readRef(ref);
  if (tip === undefined) throw new Violation(ref, "is missing from the factory's repository");
  if (tip !== state.run.tip)
    throw new Violation(
      ref,
      `stands at ${tip}, and by the log the last landing is ${state.run.tip}`,
    );
  return tip;
};

const policyOf = async (options: AuditOptions, { id, key }: RecordedReceipt): Promise<Policy> => {
  const what = `policy of receipt ${id}`;
  const bytes = await recordedBlob(options, { id: key.policy, what });
  try {
    return Policy.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new Violation(`blob ${key.policy} (${what})`, "is no policy");
  }
};

/**
 * Reads a landing, the run's last one by default, and shows that nobody without the key edited what is said of it. Throws
 * `Violation` where the records are not what was signed, `UserError` where nothing has landed.
 */
export const readSignedLanding = async (
  options: AuditOptions,
  commit?: string,
): Promise<SignedLanding> => {
  const log = readLog(options, new Tally());
  const { run } = log.state;
  if (run.tip === run.base)
    throw new UserError(
      `run ${run.id} has landed nothing, so there is nothing to verify`,
      "What its repository is like before any change: `headrace check`",
    );
  const wanted = commit ?? (await lastLanding(options, log));
  const { landings, tip, receipt } = await batchOf(options, log, wanted);
  const key = await checkSigned(options, log, receipt);
  const at = landings.findIndex(({ event }) => event.commit === wanted);
  const { event = landings[0].event, trailer } = landings[at] ?? landings[0];
  const policy = await policyOf(options, receipt);
  return {
    state: log.state,
    asked: {
      commit: wanted,
      task: event.task ?? "",
      ...(trailer.part === undefined ? {} : { part: trailer.part }),
    },
    commit: landings.at(-1)?.event.commit ?? wanted,
    base: tip,
    receipt,
    key,
    policy,
    blob: (id) => recordedBlob(options, { id, what: `named by receipt ${receipt.id}` }),
  };
};
