import { canonicalJson, isRunning, type Receipt, type StepRow } from "@headrace/domain";
import { eventOwner } from "./dispatcher.ts";
import { type Context, stateOf } from "./options.ts";

type Head = { seq: number; hash: string };

const headOf = async ({ store }: Context, run: string, seq: number): Promise<Head> => {
  const [last] = await store.events(run, seq - 1, 1);
  if (last === undefined) throw new Error(`run ${run} has no event ${seq}`);
  return { seq: last.seq, hash: last.hash };
};

/**
 * The blob in which the receipt of a verify step is signed, together with the log up to now. A receipt that stands for
 * a second verification is the one that was signed for the first, to the letter.
 */
export const signReceipt = async (
  context: Context,
  id: string,
  step: StepRow,
  receipt: Receipt,
): Promise<string> => {
  if (step.input.kind !== "verify") throw new Error(`step ${step.id} verifies nothing`);
  const { run, receipts } = await stateOf(context.store, id);
  const known = receipts[receipt.id];
  if (known !== undefined) {
    const { envelope, ...recorded } = known;
    if (canonicalJson(recorded) !== canonicalJson(receipt))
      throw new Error(`step ${step.id} changed receipt ${receipt.id}, which is recorded`);
    // one that was recorded before there were signatures gets its first
    if (envelope !== undefined) return envelope;
  }
  const log = await headOf(context, run.id, run.seq);
  const facts = { run: run.id, step: step.id, ...eventOwner(step), commit: step.input.commit };
  return context.store.putBlob(context.attestor.receipt({ ...facts, receipt, log }));
};

/**
 * Signs the log of a run that goes on no further by itself, unless nothing came after the last signature. What comes
 * while it is signed is signed when its own commit is heard of.
 */
export const signLog = async (context: Context, id: string): Promise<void> => {
  const { store, attestor } = context;
  const { run } = await stateOf(store, id);
  if (isRunning(run.status) || run.status === "queued" || run.signed === run.seq) return;
  const head = await headOf(context, id, run.seq);
  const envelope = await store.putBlob(attestor.log(id, head));
  await store.append(id, (now) =>
    now?.run.seq === head.seq ? [{ type: "log.signed", head, envelope }] : [],
  );
};
