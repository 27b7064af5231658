import {
  branchRef,
  integrationBranch,
  isGreen,
  isRunning,
  parseReceiptTrailer,
  TRAILERS,
} from "@headrace/domain";
import {
  type Landing,
  named,
  readBatches,
  type Told,
  toldLandings,
  trailersOf,
} from "./batches.ts";
import type { Log } from "./log.ts";
import { type AuditOptions, type Tally, Violation } from "./records.ts";

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
  const told = toldLandings(log);
  const [damaged] = await options.git.problems();
  if (damaged !== undefined) throw new Violation("the factory's repository", damaged);
  await checkBranch(options, log, told, tally);
  checkOnce(log, told, tally);
  for await (const { landings } of readBatches(options, log)) {
    for (const landing of landings) checkOrigin(landing, tally);
    tally.add(
      "landings stand on a green, signed receipt of their own tree, base, policy, gates and permits",
    );
  }
};
