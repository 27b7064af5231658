import {
  canonicalJson,
  type EventOf,
  isEnded,
  isRunning,
  type RecordedReceipt,
  type StoredEvent,
} from "@headrace/domain";
import type { z } from "zod";
import { open } from "../dsse.ts";
import { type LogHead, LogStatement, ReceiptStatement, verdictOf } from "../statements.ts";
import { type Log, sha256 } from "./log.ts";
import { type AuditOptions, type Tally, Violation } from "./records.ts";

/** The signed statement in a blob, or the violation that it is none. */
const statementIn = async <T>(
  { blob, key }: AuditOptions,
  named: string,
  envelope: string,
  schema: z.ZodType<T>,
): Promise<T> => {
  const object = `envelope ${envelope} of ${named}`;
  if (key === undefined)
    throw new Violation("the installation's public key", "is missing: nothing can be checked");
  const bytes = await blob(envelope);
  if (bytes === undefined) throw new Violation(object, "is missing");
  if (sha256(bytes) !== envelope) throw new Violation(object, "was edited");
  const opened = open(key, bytes);
  if (!opened.ok) throw new Violation(object, opened.problem);
  const statement = schema.safeParse(opened.statement);
  if (!statement.success) throw new Violation(object, "holds another statement than it should");
  return statement.data;
};

/** What was signed of the log is still what stands there, or some event up to `head` was edited. */
const checkHead = (
  { entries }: Log,
  { event, head, after }: { event: StoredEvent; head: LogHead; after: number },
): void => {
  const at = entries[head.seq - 1]?.event;
  if (at?.hash === head.hash && head.seq < event.seq) return;
  const from = Math.min(after + 1, head.seq);
  throw new Violation(
    `events ${from} to ${head.seq} of run ${event.run}`,
    `were rewritten: the signature in event ${event.seq} is of another log`,
  );
};

const checkReceipt = async (
  options: AuditOptions,
  { state }: Log,
  event: EventOf<"receipt.recorded">,
  envelope: string,
): Promise<LogHead> => {
  const { receipt } = event;
  const named = `receipt ${receipt.id}`;
  const signed = await statementIn(options, named, envelope, ReceiptStatement);
  const differs = (what: string) =>
    new Violation(named, `${what} is not what was signed in envelope ${envelope}`);
  if (canonicalJson(signed.receipt) !== canonicalJson(receipt)) throw differs("what is recorded");
  if (signed.run !== event.run) throw differs(`its run (${signed.run})`);
  if (signed.task !== event.task) throw differs(`its task (${signed.task})`);
  if (signed.attempt !== event.attempt) throw differs(`its attempt (${signed.attempt})`);
  if (signed.tree !== receipt.key.tree) throw differs(`its tree (${signed.tree})`);
  if (canonicalJson(signed.verdict) !== canonicalJson(verdictOf(receipt)))
    throw differs("its verdict");
  const input = state.steps[signed.step]?.input;
  if (input?.kind !== "verify" || input.commit !== signed.commit)
    throw differs(`its commit (${signed.commit})`);
  return signed.log;
};

/** The id of the key by which a receipt is shown to be what was signed, on a log that is what it was then. */
export const checkSigned = async (
  options: AuditOptions,
  log: Log,
  receipt: RecordedReceipt,
): Promise<string> => {
  const recorded = log.entries.find(
    ({ event }) => event.type === "receipt.recorded" && event.receipt.id === receipt.id,
  )?.event;
  if (recorded?.type !== "receipt.recorded" || recorded.envelope === undefined)
    throw new Violation(`receipt ${receipt.id}`, "is not signed");
  const head = await checkReceipt(options, log, recorded, recorded.envelope);
  checkHead(log, { event: recorded, head, after: 0 });
  return options.key?.id ?? "";
};

const checkLog = async (options: AuditOptions, event: EventOf<"log.signed">): Promise<LogHead> => {
  const named = `event ${event.seq} of run ${event.run}`;
  const { run, log } = await statementIn(options, named, event.envelope, LogStatement);
  if (run !== event.run || canonicalJson(log) !== canonicalJson(event.head))
    throw new Violation(named, "is not what was signed");
  return log;
};

/** A receipt may stand for a second verification: it was signed for the first. */
const isAgain = (seen: Map<string, string>, { receipt, envelope }: EventOf<"receipt.recorded">) => {
  const text = canonicalJson({ receipt, envelope });
  const before = seen.get(receipt.id);
  if (before !== undefined && before !== text)
    throw new Violation(`receipt ${receipt.id}`, "was recorded twice, and not the same");
  seen.set(receipt.id, text);
  return before !== undefined;
};

/** Every receipt and every signature over the log is the installation's, and of what is recorded. */
export const checkSignatures = async (
  options: AuditOptions,
  log: Log,
  tally: Tally,
): Promise<void> => {
  const seen = new Map<string, string>();
  let after = 0;
  for (const { event } of log.entries) {
    let head: LogHead | undefined;
    if (event.type === "receipt.recorded" && !isAgain(seen, event)) {
      if (event.envelope === undefined) {
        tally.note(`receipt ${event.receipt.id} was not signed when it was recorded`);
        continue;
      }
      head = await checkReceipt(options, log, event, event.envelope);
      tally.add("receipts are what was signed");
    }
    if (event.type === "log.signed") {
      head = await checkLog(options, event);
      tally.add("signatures over the log hold");
    }
    if (head === undefined) continue;
    checkHead(log, { event, head, after });
    after = Math.max(after, head.seq);
  }
  checkEnd(log, after, tally);
};

/** Nothing comes after the last signature of a run that goes on no further. */
const checkEnd = ({ entries, state: { run } }: Log, after: number, tally: Tally): void => {
  const last = entries.length;
  if (run.signed === last) return;
  if (isEnded(run.status))
    throw new Violation(
      `events ${after + 1} to ${last} of run ${run.id}`,
      "are not signed, though the run has ended; if a factory was killed as it ended, the next one signs them",
    );
  tally.note(
    `events ${after + 1} to ${last} are not signed yet: the run is ${isRunning(run.status) ? "going on" : run.status}`,
  );
};
