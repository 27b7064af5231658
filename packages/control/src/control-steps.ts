import {
  type Fence,
  InfrastructureError,
  isEnded,
  isRunning,
  type Job,
  type JobOutcome,
  type NewEvent,
  StaleEpochError,
  type StepInputOf,
  type TaskRow,
  TRAILERS,
} from "@headrace/domain";
import { judgeSnapshot } from "./change-problems.ts";
import { commitMessage } from "./commit-message.ts";
import { type Done, NotNowError, stableTime, taskRowOf, type Work } from "./control-work.ts";
import { type Dispatcher, eventOwner } from "./dispatcher.ts";
import { landMembers } from "./landing.ts";
import { type Context, stateOf } from "./options.ts";
import { finishStep } from "./outcomes.ts";
import { predictConflicts } from "./predict-conflicts.ts";
import { mergeChange, stackMembers } from "./stack.ts";

/** The name under which the control plane claims its own steps. */
export const CONTROL_WORKER = "control";

/** Does the steps of the control lane: the only code that makes commits and moves the integration branch. */
export const createControlHandler =
  (context: Context, dispatcher: Dispatcher) =>
  async (job: Job): Promise<JobOutcome> => {
    const { store, limits, repos } = context;
    const state = await store.state(job.run);
    const row = state?.steps[job.step];
    if (state === undefined || row === undefined || row.result !== undefined)
      return { kind: "done" };
    if (!isRunning(state.run.status)) return { kind: "done" };
    const claim = await store.claim(job.run, job.step, CONTROL_WORKER, limits.leaseMs);
    if (claim.kind === "busy") {
      return { kind: "retry-at", at: new Date(claim.until), reason: "another delivery has it" };
    }
    const fence: Fence = { run: job.run, step: job.step, epoch: claim.epoch };
    try {
      const repo = await repos.factory(state.run.repo.path);
      const done = await perform({ context, repo, state: await stateOf(store, job.run), row });
      const ended: NewEvent = {
        type: "step.finished",
        step: row.id,
        result: done.result,
        ...eventOwner(row),
      };
      await store.append(
        job.run,
        // a run that was cancelled meanwhile gains nothing more, but what has landed is told
        (s) =>
          s && isEnded(s.run.status) && !hasLanded(done) ? [] : [...(done.events ?? []), ended],
        fence,
      );
      await store.release(fence);
      return { kind: "done" };
    } catch (cause) {
      if (cause instanceof StaleEpochError) return { kind: "done" };
      if (cause instanceof NotNowError) {
        await finishStep(context, dispatcher, fence, { kind: "stopped", reason: cause.message });
        return { kind: "done" };
      }
      const reason = cause instanceof Error ? cause.message : String(cause);
      context.log(`step ${job.step}: ${reason}`);
      const kind = cause instanceof InfrastructureError ? "infrastructure" : "fatal";
      await finishStep(context, dispatcher, fence, { kind, reason });
      return { kind, reason };
    }
  };

const hasLanded = ({ result }: Done): boolean =>
  result.kind === "land" && result.land.outcome === "landed";

const perform = (work: Work): Promise<Done> => {
  const { input } = work.row;
  switch (input.kind) {
    case "change":
      return makeChange(work, input);
    case "merge":
      return mergeChange(work, input);
    case "stack":
      return stackMembers(work, input);
    case "land":
      return landMembers(work, input);
    case "environment":
    case "verify":
    case "evidence":
    case "agent":
    case "relock":
      throw new Error(`step ${work.row.id} is ${input.kind}: a worker's, not the control plane's`);
  }
};

const taskOf = ({ state, row }: Work): TaskRow => {
  if (row.task === undefined) throw new Error(`step ${row.id} belongs to no task`);
  return taskRowOf(state, row.task);
};

const MAX_PATHS = 500;

/** One commit of ours with the snapshot's tree; the agent's own commits and messages are left behind. */
const makeChange = async (work: Work, input: StepInputOf<"change">): Promise<Done> => {
  const { repo, state } = work;
  const { task } = taskOf(work);
  const changed = (await repo.diffStat(input.base, input.snapshot)).map((d) => d.path);
  const judged = await judgeSnapshot({ repo, task, policy: state.run.policy }, input, changed);
  const { problems, flags, classes } = judged;
  if (problems.length > 0)
    return { result: { kind: "change", change: { outcome: "refused", reasons: [...problems] } } };
  const commit = await repo.commit({
    tree: await repo.treeOf(input.snapshot),
    parents: [input.base, ...(input.theirs === undefined ? [] : [input.theirs])],
    message: commitMessage({
      subject: task.title,
      body: input.summary,
      trailers: [
        [TRAILERS.run, state.run.id],
        [TRAILERS.task, task.id],
      ],
    }),
    at: stableTime(work.row),
  });
  const made = { commit, paths: changed.slice(0, MAX_PATHS) };
  return {
    result: { kind: "change", change: { outcome: "made", ...made, classes, flags: [...flags] } },
    // a resolution is on its way in already
    events: input.theirs === undefined ? await predictConflicts(work, task.id, made) : [],
  };
};
