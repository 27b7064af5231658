import {
  type EventOf,
  isGreen,
  parseReceiptTrailer,
  type ReceiptTrailer,
  type RecordedReceipt,
  type RunState,
  TRAILERS,
} from "@headrace/domain";
import type { Log } from "./log.ts";
import { type AuditOptions, type CommitFacts, Violation } from "./records.ts";

/** A landing as the log tells it, with the state it found. */
export type Told = { event: EventOf<"merge.landed">; before: RunState };
export type Landing = Told & { object: string; facts: CommitFacts; trailer: ReceiptTrailer };

export const named = (commit: string, task: string | undefined): string =>
  `landing ${commit} of task ${task}`;

/** What each trailer says; those of ours occur once each, in the last paragraph. */
export const trailersOf = (facts: CommitFacts | undefined): Record<string, string> | undefined => {
  const lines = (facts?.message ?? "").trimEnd().split("\n");
  const last = lines.slice(lines.lastIndexOf("") + 1);
  const pairs = last.map((line): [string, string] => {
    const at = line.indexOf(": ");
    return [line.slice(0, at), line.slice(at + 2)];
  });
  const whole = Object.values(TRAILERS).join() === pairs.map(([name]) => name).join();
  return whole ? Object.fromEntries(pairs) : undefined;
};

/** The commit says of itself what the log says of it. */
const readLanding = async (
  { git, run }: AuditOptions,
  { event, before }: Told,
  parent: string,
): Promise<Landing> => {
  const object = named(event.commit, event.task);
  const facts = await git.commit(event.commit);
  if (facts === undefined) throw new Violation(object, "is missing from the repository");
  if (facts.parents.join() !== [parent, event.change].join())
    throw new Violation(object, "has other parents than the tip before it and its change");
  const trailers = trailersOf(facts);
  const trailer = parseReceiptTrailer(trailers?.[TRAILERS.receipt] ?? "");
  if (trailers === undefined || trailer === undefined)
    throw new Violation(object, "does not carry its trailers, each once");
  const row = before.tasks[event.task ?? ""];
  if (row === undefined) throw new Violation(object, "belongs to no task of an accepted plan");
  const wanted = {
    [TRAILERS.run]: run,
    [TRAILERS.task]: row.id,
    [TRAILERS.requirement]: row.task.requirements.join(", ") || "none",
    [TRAILERS.model]: row.models.join(", ") || "none",
  };
  for (const [name, value] of Object.entries(wanted))
    if (trailers[name] !== value)
      throw new Violation(object, `${name} says ${trailers[name]}, and the log ${value}`);
  if (trailer.receipt !== event.receipt)
    throw new Violation(object, `${TRAILERS.receipt} names another receipt than the log`);
  return { event, before, object, facts, trailer };
};

const sorted = (names: readonly string[]): string => [...new Set(names)].sort().join(", ");

/** One receipt stands for the whole batch: it is of the last tree, on what stood before the first. */
const checkReceipt = async (
  { git }: AuditOptions,
  batch: readonly Landing[],
  before: { tip: string; landed: ReadonlySet<string> },
): Promise<RecordedReceipt> => {
  const [last] = batch.slice(-1);
  if (last === undefined) throw new Error("a batch has landings");
  const { event, before: state, facts } = last;
  const receipt = state.receipts[event.receipt];
  if (receipt === undefined)
    throw new Violation(last.object, `receipt ${event.receipt} was not recorded before it`);
  const object = `receipt ${receipt.id}`;
  if (receipt.envelope === undefined)
    throw new Violation(object, `is not signed, and ${last.object} rests on it`);
  if (!isGreen(receipt))
    throw new Violation(object, `is not green, and ${last.object} rests on it`);
  const tasks = new Set(batch.map(({ event }) => event.task ?? ""));
  const gates = state.run.policy.gates.filter(
    ({ from }) => from === undefined || before.landed.has(from) || tasks.has(from),
  );
  const permits = [...tasks].flatMap((id) => state.tasks[id]?.task.permits ?? []);
  const { key } = receipt;
  const wanted: [what: string, is: string, should: string | undefined][] = [
    ["tree", key.tree, facts.tree],
    ["landing base", key.landingBaseTree, (await git.commit(before.tip))?.tree],
    ["policy", key.policy, state.run.policyHash],
    ["gates", sorted(key.gates), sorted(gates.map(({ name }) => name))],
    ["permits", sorted(key.permits), sorted(permits)],
  ];
  for (const [what, is, should] of wanted)
    if (is !== should)
      throw new Violation(
        object,
        `is of the ${what} ${is || "none"}, and ${last.object} has ${should || "none"}`,
      );
  return receipt;
};

/** Inner landings name the batch's receipt with their place; the last names it alone. All name its envelope. */
const checkNames = (batch: readonly Landing[], { envelope }: RecordedReceipt): void => {
  for (const [i, { object, trailer }] of batch.entries()) {
    const part = i < batch.length - 1 ? `${i + 1}/${batch.length}` : undefined;
    const is = trailer.part && `${trailer.part.index}/${trailer.part.of}`;
    if (is !== part)
      throw new Violation(
        object,
        `is ${is ?? "no part"} by its trailer, and ${part ?? "no part"} of its batch`,
      );
    if (trailer.envelope !== envelope)
      throw new Violation(
        object,
        "its trailer names another envelope than its receipt was signed in",
      );
  }
};

/** The landings the log tells of, in their order. */
export const toldLandings = ({ entries }: Log): Told[] =>
  entries.flatMap(({ event, before }) =>
    event.type === "merge.landed" && before !== undefined ? [{ event, before }] : [],
  );

/** Landings that were verified together, and what they stand on; a landing of its own is a batch of one. */
export type Batch = {
  landings: readonly [Landing, ...Landing[]];
  tip: string;
  receipt: RecordedReceipt;
};

/** Every batch from the run's base on, each shown to rest on a green receipt of its own last tree. */
export async function* readBatches(options: AuditOptions, log: Log): AsyncGenerator<Batch> {
  const landed = new Set<string>();
  let [tip, parent] = [log.state.run.base, log.state.run.base];
  let batch: Landing[] = [];
  for (const one of toldLandings(log)) {
    const landing = await readLanding(options, one, parent);
    parent = one.event.commit;
    batch.push(landing);
    if (landing.trailer.part !== undefined) continue;
    const [first = landing, ...more] = batch;
    const receipt = await checkReceipt(options, batch, { tip, landed });
    checkNames(batch, receipt);
    yield { landings: [first, ...more], tip, receipt };
    for (const { event } of batch) landed.add(event.task ?? "");
    tip = parent;
    batch = [];
  }
  const [open] = batch;
  if (open !== undefined) throw new Violation(open.object, "is part of a batch that has no end");
}
