import { z } from "zod";
import { globProblem } from "./glob.ts";
import { Id, ObjectId } from "./ids.ts";
import { chainLengths } from "./plan-graph.ts";
import { applicableGates } from "./policy.ts";
import { landedTasks } from "./ready.ts";
import type { RunState, TaskRow } from "./run-state.ts";

/** One queued change as a batch holds it. */
export const Member = z.object({
  task: Id,
  attempt: z.number().int().positive(),
  change: ObjectId,
});
export type Member = z.infer<typeof Member>;

const RANGE = "expected a whole number from 1 to 20";
const Size = z.number(RANGE).int(RANGE).min(1, RANGE).max(20, RANGE);

const LISTS = "expected at most 50 globs";
const List = z
  .string("expected a path or glob")
  .max(500)
  .superRefine((glob, context) => {
    const problem = globProblem(glob);
    if (problem !== undefined) context.addIssue(`expected a glob, but it ${problem}`);
  });

export const MergeSettings = z.object({
  /** how many changes are verified together at most */
  batch: Size.default(5),
  /** files that are lists: where two changes only added lines to one, all of them are kept */
  union: z.array(List, "expected a list of globs").max(50, LISTS).optional(),
});
export type MergeSettings = z.infer<typeof MergeSettings>;

const DEFAULTS = MergeSettings.parse({});

/** One run of the gates on the first `prefix` members of a stack. */
export type PrefixRun = { prefix: number; green: boolean };

/**
 * `verify`: run the gates on the first `prefix` members, for the `run`-th time · `settle`: land the first `land`
 * members, whose tree is green, and send back member `culprit` (from 1), if there is one.
 */
export type BatchMove =
  | { move: "verify"; prefix: number; run: number }
  | { move: "settle"; land: number; culprit?: number };

/** Red means red twice: once may be chance. */
const SURE = 2;

/**
 * What to do next with a stack of `size` members, whatever has been run so far. A prefix is green if any run of it was;
 * the shortest red one behind the longest green one is searched for by halving, and its last member alone made the
 * difference.
 */
export const nextMove = (size: number, runs: readonly PrefixRun[]): BatchMove => {
  const times = (prefix: number) => runs.filter((run) => run.prefix === prefix).length;
  const green = Math.max(0, ...runs.filter((run) => run.green).map((run) => run.prefix));
  if (green >= size) return { move: "settle", land: size };
  if (times(size) < SURE) return { move: "verify", prefix: size, run: times(size) + 1 };
  const red = Math.min(...runs.map((run) => run.prefix).filter((prefix) => prefix > green));
  if (red - green > 1)
    return { move: "verify", prefix: green + Math.floor((red - green) / 2), run: 1 };
  if (times(red) < SURE) return { move: "verify", prefix: red, run: times(red) + 1 };
  return { move: "settle", land: green, culprit: red };
};

/** Queued tasks that a stack left out, because they did not merge onto what stood before them in it. */
const leftOut = (state: RunState): Set<string> =>
  new Set(
    Object.values(state.steps).flatMap(({ result }) =>
      result?.kind === "stack"
        ? result.stack.left
            .filter(({ task, attempt }) => state.tasks[task]?.queuedAttempt === attempt)
            .map(({ task }) => task)
        : [],
    ),
  );

/** Which of two tasks is merged first: left out before, then the longest chain of work behind, then age. */
const mergeOrder = (state: RunState): ((a: TaskRow, b: TaskRow) => number) => {
  const open = Object.values(state.tasks).filter(({ status }) =>
    ["blocked", "building", "waiting", "queued"].includes(status),
  );
  const chains = chainLengths(open.map(({ task }) => task));
  const before = leftOut(state);
  const rank = ({ id }: TaskRow) => (before.has(id) ? Number.POSITIVE_INFINITY : chains.get(id));
  // what is not queued yet queues behind what is
  const age = ({ status, queuedSeq = 0 }: TaskRow) =>
    status === "queued" ? queuedSeq : Number.MAX_SAFE_INTEGER;
  return (a, b) => {
    const [x = 0, y = 0] = [rank(a), rank(b)];
    return x === y ? age(a) - age(b) : y - x;
  };
};

/** Which of two tasks in flight is expected to be merged after the other; of equals the one whose change is new. */
export const laterOf = (state: RunState, old: TaskRow, fresh: TaskRow): TaskRow =>
  mergeOrder(state)(fresh, old) < 0 ? old : fresh;

/**
 * The changes to stack next, in order; none while nothing is queued. With `lockfile`, set-up reads a tree's manifests
 * with a network: members who have that permit and members who do not never share a batch.
 */
export const nextBatch = (state: RunState): Member[] => {
  const queued = Object.values(state.tasks)
    .filter(({ status, change }) => status === "queued" && change !== undefined)
    .sort(mergeOrder(state));
  const installs = ({ task }: TaskRow) => task.permits.includes("lockfile");
  const [head] = queued;
  if (head === undefined) return [];
  return queued
    .filter((row) => installs(row) === installs(head))
    .slice(0, state.run.merge?.batch ?? DEFAULTS.batch)
    .map((row) => ({ task: row.id, attempt: row.queuedAttempt, change: row.change ?? "" }));
};

/** What the members' tasks are permitted, all together, each permit once. */
export const permitsOf = (state: RunState, tasks: readonly string[]): string[] =>
  [...new Set(tasks.flatMap((id) => state.tasks[id]?.task.permits ?? []))].sort();

/**
 * Gates that apply to a tree in which `tasks` stand on `base`: those of work that stands in it, and the ones the tasks
 * bring. What landed after an attempt began is not in its tree, and its gates would be red for no fault of the task.
 */
export const gatesFor = (state: RunState, tasks: readonly string[], base: string): string[] => {
  const landed = [...landedTasks(state)];
  const last = landed.findIndex((id) => state.tasks[id]?.landing?.commit === base);
  const inBase = base === state.run.base || last !== -1 ? landed.slice(0, last + 1) : landed;
  return applicableGates(state.run.policy, new Set([...inBase, ...tasks])).map((g) => g.name);
};
