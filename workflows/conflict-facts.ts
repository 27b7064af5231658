import type { CoderBrief } from "@headrace/agents";
import { landedTasks, type RunState, stepId, type TaskRow } from "@headrace/domain";
import { workOf } from "./build-task/attempt.ts";
import { evidenceOf } from "./evidence.ts";
import type { WorkflowPorts } from "./ports.ts";

/** The commit the attempt before was made on. */
export const previousBase = (state: RunState, row: TaskRow, attempt: number): string => {
  const change = state.steps[stepId(state.run.id, row.id, `change-${attempt - 1}`)];
  return change?.input.kind === "change" ? change.input.base : (row.attemptBase ?? state.run.base);
};

/** Tasks that landed on top of `base`, and in which of these files their changes have a part. */
export const landedSince = (state: RunState, base: string, files: readonly string[]) => {
  const landed = [...landedTasks(state)];
  const last = landed.findIndex((id) => state.tasks[id]?.landing?.commit === base);
  const wanted = new Set(files);
  return landed.slice(last + 1).flatMap((id) => {
    const row = state.tasks[id];
    if (row === undefined) return [];
    const { title, description } = row.task;
    return [{ id, title, description, files: pathsOf(state, row).filter((p) => wanted.has(p)) }];
  });
};

/** Paths of the change that a task landed with. */
const pathsOf = (state: RunState, { id, change }: TaskRow): string[] => {
  for (const { task, result } of Object.values(state.steps))
    if (task === id && result?.kind === "change" && result.change.outcome === "made")
      if (result.change.commit === change) return result.change.paths;
  return [];
};

/** Both sides of the files in which an attempt's own work did not merge with what has landed. */
export const sidesOf = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow,
  attempt: number,
): Promise<CoderBrief["sides"]> => {
  const { run } = state;
  const step = state.steps[stepId(run.id, row.id, `prepare-${attempt}`)];
  if (step?.input.kind !== "merge" || step.result?.kind !== "merge") return undefined;
  const { merge } = step.result;
  if (merge.outcome === "clean") return undefined;
  const base = previousBase(state, row, attempt);
  const max = ports.limits.evidenceBytes;
  return {
    landed: landedSince(state, base, merge.files).filter(({ files }) => files.length > 0),
    ours: await ports.diff(run.id, base, merge.tip, max, merge.files),
    theirs: await ports.diff(run.id, base, step.input.change, max, merge.files),
  };
};

/** Work that is done anew, as long as nothing has taken its place. */
export const discardedOf = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow,
): Promise<CoderBrief["discarded"]> => {
  const { discarded, returned } = row;
  if (discarded === undefined || returned === undefined || workOf(row) !== undefined)
    return undefined;
  const base = previousBase(state, row, returned.attempt + 1);
  return {
    diff: await ports.diff(state.run.id, base, discarded, ports.limits.evidenceBytes),
    evidence: await evidenceOf(ports, state, row, returned.attempt),
  };
};

const OPEN: ReadonlySet<TaskRow["status"]> = new Set(["building", "waiting", "queued"]);

/** Tasks in flight, merged before this one, with whose changes its own was found not to merge. */
export const besideOf = (state: RunState, { predicted = {} }: TaskRow) =>
  Object.entries(predicted).flatMap(([id, pair]) => {
    const other = state.tasks[id];
    return other === undefined || !OPEN.has(other.status)
      ? []
      : [{ id, title: other.task.title, ...pair }];
  });

/** The same of exactly this change, for who judges it: what was compared with an older one is no fact of it. */
export const clashesOf = (state: RunState, row: TaskRow, change: string): string[] =>
  besideOf(state, row)
    .filter((pair) => pair.change === change)
    .map(
      ({ id, title, files }) =>
        `task ${id} (${title}), which has not landed yet, conflicts with this change in ${files.join(", ")}: whatever need not be changed there should not be`,
    );
