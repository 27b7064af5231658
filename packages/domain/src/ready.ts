import { awaitsConsent } from "./consent.ts";
import { chainLengths, reach } from "./plan-graph.ts";
import type { RunState, StepRow, TaskRow, TaskStatus } from "./run-state.ts";

const withStatus = (state: RunState, ...statuses: TaskStatus[]): TaskRow[] =>
  Object.values(state.tasks).filter((row) => statuses.includes(row.status));

/** Ids of landed tasks, in the order they landed. */
export const landedTasks = (state: RunState): Set<string> =>
  new Set(
    withStatus(state, "landed")
      .sort((a, b) => (a.landing?.seq ?? 0) - (b.landing?.seq ?? 0))
      .map((row) => row.id),
  );

/** Blocked tasks that can never start, because what they wait for was quarantined, dropped or is unknown. */
export const unreachable = (state: RunState): string[] => {
  const blocked = withStatus(state, "blocked");
  const alive = new Set(
    withStatus(state, "landed", "blocked", "building", "waiting", "queued").map((row) => row.id),
  );
  const dead = blocked.flatMap((row) => row.task.blockedBy.filter((id) => !alive.has(id)));
  const behind = reach(dead, (id) =>
    blocked.filter((row) => row.task.blockedBy.includes(id)).map((row) => row.id),
  );
  return blocked.filter((row) => behind.has(row.id)).map((row) => row.id);
};

/** Tasks that may start now: the one with the longest chain of work behind it first, then in plan order. */
export const readyTasks = (state: RunState): string[] => {
  const landed = landedTasks(state);
  const dead = new Set(unreachable(state));
  const open = withStatus(state, "blocked", "building", "waiting", "queued").filter(
    (row) => !dead.has(row.id),
  );
  const chains = chainLengths(open.map((row) => row.task));
  const plan = state.plans[state.run.planVersion]?.plan?.tasks.map((task) => task.id) ?? [];
  return open
    .filter((row) => row.status === "blocked" && row.task.blockedBy.every((id) => landed.has(id)))
    .map((row) => row.id)
    .sort(
      (a, b) => (chains.get(b) ?? 0) - (chains.get(a) ?? 0) || plan.indexOf(a) - plan.indexOf(b),
    );
};

/** A plan was accepted and none of its tasks is at work, waiting for an answer, or able to start. */
export const isBuildOver = (state: RunState): boolean =>
  state.run.planVersion > 0 &&
  withStatus(state, "building", "waiting", "queued").length === 0 &&
  readyTasks(state).length === 0;

/** Whether a step's task stands still because a budget of its own is used. */
export const isParked = (state: RunState, { task }: Pick<StepRow, "task">): boolean =>
  task !== undefined && state.tasks[task]?.parked !== undefined;

/** Nothing is under way and nothing can start, but for parked tasks, and for who is merged after one of them. */
const standsStill = (state: RunState): boolean => {
  const open = Object.values(state.steps).filter((row) => row.result === undefined);
  const landingHeld = open.some((row) => row.thread.kind === "landing" && isParked(state, row));
  const atWork = withStatus(state, "building", "queued").filter(
    (row) => row.parked === undefined && !(landingHeld && row.status === "queued"),
  );
  return (
    open.every((row) => isParked(state, row)) &&
    atWork.length === 0 &&
    (readyTasks(state).length === 0 || awaitsConsent(state))
  );
};

const isPlanning = (state: RunState): boolean =>
  Object.values(state.threads).some((row) => row.kind === "plan" && !row.finished);

/** An unanswered question is all that holds the run: nothing else can go on without a person. */
export const waitingOnPerson = (state: RunState): boolean => {
  const open = Object.values(state.questions).filter((row) => row.answer === undefined);
  if (open.length === 0) return false;
  const asksForRun = open.some((row) => row.task === undefined);
  return standsStill(state) && (asksForRun || !isPlanning(state));
};

/** Tasks whose own budgets are used are all that is left to move. */
export const waitingOnBudget = (state: RunState): boolean =>
  withStatus(state, "building", "queued").some((row) => row.parked !== undefined) &&
  standsStill(state) &&
  !isPlanning(state) &&
  !waitingOnPerson(state);
