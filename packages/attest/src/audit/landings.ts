import {
  branchRef,
  type EventOf,
  integrationBranch,
  isGreen,
  isRunning,
  parseReceiptTrailer,
  type ReceiptTrailer,
  type RecordedReceipt,
  type RunState,
  TRAILERS,
} from "@headrace/domain";
import type { Log } from "./log.ts";
import { type AuditOptions, type CommitFacts, type Tally, Violation } from "./records.ts";

/** A landing as the log tells it, with the state it found. */
type Told = { event: EventOf<"merge.landed">; before: RunState };
type Landing = Told & { object: string; facts: CommitFacts; trailer: ReceiptTrailer };

const named = (commit: string, task: string | undefined): string =>
  `landing ${commit} of task ${task}`;

/** From the tip to the base by first parents, oldest first. */
const firstParents = async (
  { git }: AuditOptions,
  ref: string,
  { tip, base }: { tip: string; base: string },
): Promise<string[]> => {
  const found: string[] = [];
  for (let at = tip; at !== base; ) {
    found.unshift(at);
    const [parent] = (await git.commit(at))?.parents ?? [];
    if (parent === undefined || found.length > 100_000)
      throw new Violation(ref, `does not come from the run's base ${base}`);
    at = parent;
  }
  return found;
};

/** The branch holds the landings the log tells of, in its order, and nothing else. */
const checkBranch = async (
  options: AuditOptions,
  { state }: Log,
  told: readonly Told[],
  tally: Tally,
): Promise<void> => {
  const { run } = state;
  const ref = branchRef(integrationBranch(run.id));
  const at = await options.git.readRef(ref);
  if (at === undefined) throw new Violation(ref, "is missing from the factory's repository");
  const history = await firstParents(options, ref, { tip: at, base: run.base });
  for (const [i, { event }] of told.entries()) {
    const commit = history[i];
    if (commit === event.commit) continue;
    throw commit === undefined
      ? new Violation(named(event.commit, event.task), `is not on ${ref}, which stands at ${at}`)
      : new Violation(
          `commit ${commit}`,
          `stands on ${ref} in the place of landing ${event.commit}`,
        );
  }
  const more = history.slice(told.length);
  // between the move of the branch and the event that tells of it lies a moment, in which a kill may fall
  if (more.length > 0 && !isRunning(run.status))
    throw new Violation(`commit ${more[0]}`, `moved ${ref}, and the log tells of no such landing`);
  for (const commit of more) {
    const facts = await options.git.commit(commit);
    const trailer = parseReceiptTrailer(trailersOf(facts)?.[TRAILERS.receipt] ?? "");
    const receipt = state.receipts[trailer?.receipt ?? ""];
    if (receipt === undefined || !isGreen(receipt))
      throw new Violation(
        `commit ${commit}`,
        `moved ${ref}, and no green receipt is recorded for it`,
      );
    tally.note(`commit ${commit} has landed, and the log does not tell of it yet`);
  }
  tally.add("moves of the integration branch are told of in the log", told.length);
};

/** What each trailer says; those of ours occur once each, in the last paragraph. */
const trailersOf = (facts: CommitFacts | undefined): Record<string, string> | undefined => {
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

/** What a landed commit can be asked for, beyond its receipt: who made it, in which try, from which prompt (I24). */
const checkOrigin = ({ event, before, object }: Landing, tally: Tally): void => {
  const coded = Object.values(before.steps).filter(
    ({ task, role, attempt }) =>
      task === event.task && role === "coder" && (attempt ?? 0) <= (event.attempt ?? 0),
  );
  const ends = coded.flatMap(({ result }) =>
    result?.kind === "agent" && result.result.end === "submitted" ? [result.result] : [],
  );
  if (event.attempt === undefined || ends.length === 0)
    throw new Violation(object, "no attempt of a coder leads to it");
  tally.add("landings lead back to run, task, attempt, model, image and receipt");
  if (ends.some(({ prompt }) => prompt === undefined))
    tally.note(`${object}: the prompt was not recorded`);
  else tally.add("landings lead back to the prompt of their coder");
};

/** A task has landed once, and its row says so of the same commit; nothing else says that it has landed. */
const checkOnce = ({ state }: Log, told: readonly Told[], tally: Tally): void => {
  const landed = new Map<string, string>();
  for (const { event } of told) {
    const task = event.task ?? "";
    if (landed.has(task))
      throw new Violation(named(event.commit, task), "the task had landed before");
    landed.set(task, event.commit);
  }
  for (const { id, status, landing } of Object.values(state.tasks))
    if ((status === "landed") !== landed.has(id) || landing?.commit !== landed.get(id))
      throw new Violation(`task ${id}`, `is ${status}, and the log of landings says otherwise`);
  tally.add("tasks that landed did so once", landed.size);
};

/** I2, I3 and I24, for every landing. */
export const checkLandings = async (
  options: AuditOptions,
  log: Log,
  tally: Tally,
): Promise<void> => {
  const told: Told[] = log.entries.flatMap(({ event, before }) =>
    event.type === "merge.landed" && before !== undefined ? [{ event, before }] : [],
  );
  const [damaged] = await options.git.problems();
  if (damaged !== undefined) throw new Violation("the factory's repository", damaged);
  await checkBranch(options, log, told, tally);
  checkOnce(log, told, tally);
  const landed = new Set<string>();
  let [tip, parent] = [log.state.run.base, log.state.run.base];
  let batch: Landing[] = [];
  for (const one of told) {
    const landing = await readLanding(options, one, parent);
    parent = one.event.commit;
    batch.push(landing);
    checkOrigin(landing, tally);
    if (landing.trailer.part !== undefined) continue;
    checkNames(batch, await checkReceipt(options, batch, { tip, landed }));
    tally.add(
      "landings stand on a green, signed receipt of their own tree, base, policy, gates and permits",
    );
    for (const { event } of batch) landed.add(event.task ?? "");
    tip = parent;
    batch = [];
  }
  const [open] = batch;
  if (open !== undefined) throw new Violation(open.object, "is part of a batch that has no end");
};
