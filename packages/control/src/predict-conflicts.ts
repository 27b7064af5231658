import { laterOf, type NewEvent, type RunState, type TaskRow } from "@headrace/domain";
import { taskRowOf, type Work } from "./control-work.ts";
import { mergeByRule } from "./merge-by-rule.ts";

type Change = { commit: string; paths: readonly string[] };

/** Pairs that are looked at when a change is made, so that a wide plan costs no more than a narrow one. */
const MAX_PAIRS = 20;

/**
 * Merges a new change with those of other tasks in flight, in objects only. Where two do not merge, the one that is to
 * be merged later is told: nothing waits for it. A pair shares files, or it has no conflict of its own.
 */
export const predictConflicts = async (
  { repo, state }: Work,
  task: string,
  made: Change,
): Promise<NewEvent[]> => {
  const row = taskRowOf(state, task);
  const union = state.run.merge?.union ?? [];
  const events: NewEvent[] = [];
  for (const { other, change } of inFlight(state, task)
    .filter(({ change }) => shared(made, change).length > 0)
    .slice(0, MAX_PAIRS)) {
    const merge = await mergeByRule(repo, { ours: change.commit, theirs: made.commit, union });
    const both = new Set(shared(made, change));
    const files = merge.files.filter((path) => both.has(path)).slice(0, 100);
    if (files.length === 0) continue;
    const later = laterOf(state, other, row);
    const pair =
      later === row
        ? { other: other.id, change: made.commit, otherChange: change.commit }
        : { other: task, change: change.commit, otherChange: made.commit };
    events.push({ type: "conflict.predicted", ...pair, files, task: later.id });
  }
  return events;
};

/** Other tasks with a change that has not landed. */
const inFlight = (state: RunState, task: string): Array<{ other: TaskRow; change: Change }> =>
  Object.values(state.tasks)
    .filter(({ id, status }) => id !== task && IN_FLIGHT.has(status))
    .flatMap((other) => {
      const change = changeOf(state, other);
      return change === undefined ? [] : [{ other, change }];
    });

const IN_FLIGHT: ReadonlySet<TaskRow["status"]> = new Set(["building", "waiting", "queued"]);

/** The newest change of a task, unless work that went on from it has replaced it. */
const changeOf = (state: RunState, { id, workingChange }: TaskRow): Change | undefined => {
  for (const { result, task } of Object.values(state.steps))
    if (task === id && result?.kind === "change" && result.change.outcome === "made")
      if (result.change.commit === workingChange) return result.change;
  return undefined;
};

const shared = (a: Change, b: Change): string[] => {
  const paths = new Set(b.paths);
  return a.paths.filter((path) => paths.has(path));
};
