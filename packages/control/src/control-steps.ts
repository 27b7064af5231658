import {
  branchRef,
  type FactoryRepo,
  type Fence,
  formatReceiptTrailer,
  formatUsd,
  InfrastructureError,
  integrationBranch,
  isEnded,
  isGreen,
  isRunning,
  type Job,
  type JobOutcome,
  type NewEvent,
  type RecordedReceipt,
  RefMovedError,
  type RunState,
  StaleEpochError,
  type StepInputOf,
  type StepResult,
  type StepRow,
  type TaskRow,
  TRAILERS,
} from "@headrace/domain";
import { judgeSnapshot } from "./change-problems.ts";
import { commitMessage } from "./commit-message.ts";
import { type Dispatcher, eventOwner } from "./dispatcher.ts";
import { type Context, stateOf } from "./options.ts";
import { finishStep } from "./outcomes.ts";

type Work = { context: Context; repo: FactoryRepo; state: RunState; row: StepRow };
type Done = { result: StepResult; events?: NewEvent[] };

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

/** The run was stopped while the step was prepared: it stays open, and nothing was moved. */
class NotNowError extends Error {
  override readonly name = "NotNowError";
}

const hasLanded = ({ result }: Done): boolean =>
  result.kind === "land" && result.land.outcome === "landed";

const perform = (work: Work): Promise<Done> => {
  const { input } = work.row;
  switch (input.kind) {
    case "change":
      return makeChange(work, input);
    case "merge":
      return mergeChange(work, input);
    case "land":
      return landChange(work, input);
    case "environment":
    case "verify":
    case "evidence":
    case "agent":
      throw new Error(`step ${work.row.id} is ${input.kind}: a worker's, not the control plane's`);
  }
};

const taskOf = ({ state, row }: Work): TaskRow => {
  const task = row.task === undefined ? undefined : state.tasks[row.task];
  if (task === undefined) throw new Error(`step ${row.id} belongs to no task`);
  return task;
};

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
  return {
    result: {
      kind: "change",
      change: { outcome: "made", commit, paths: changed.slice(0, 500), classes, flags: [...flags] },
    },
  };
};

/** The time of the request: the same commit comes out however often the step runs. */
const stableTime = (row: StepRow): Date => new Date(row.requestedAt);

const tipRef = (state: RunState): string => branchRef(integrationBranch(state.run.id));

const mergeChange = async (work: Work, input: StepInputOf<"merge">): Promise<Done> => {
  const { repo, state, row } = work;
  const tip = (await repo.readRef(tipRef(state))) ?? state.run.base;
  const answer = await repo.merge(tip, input.change);
  const merged = await repo.commit({
    tree: answer.tree,
    parents: [tip, input.change],
    message: commitMessage({ subject: `Merge for verification: ${taskOf(work).task.title}` }),
    at: stableTime(row),
  });
  const events: NewEvent[] = [
    { type: "merge.started", change: input.change, tip, ...eventOwner(row) },
  ];
  const merge =
    answer.outcome === "clean"
      ? {
          outcome: "clean" as const,
          merged,
          tip,
          tree: answer.tree,
          tipTree: await repo.treeOf(tip),
        }
      : { outcome: "conflict" as const, merged, tip, files: answer.files };
  return { result: { kind: "merge", merge }, events: row.thread.kind === "landing" ? events : [] };
};

/** Refuses to land anything but a tree with a green receipt of its own, made on exactly this tip. */
const requireReceipt = async (
  { repo, state }: Work,
  input: StepInputOf<"land">,
): Promise<RecordedReceipt> => {
  const receipt = state.receipts[input.receipt];
  if (receipt === undefined || !isGreen(receipt))
    throw new Error(`receipt ${input.receipt} is not green`);
  const { key } = receipt;
  const tree = await repo.treeOf(input.merged);
  if (key.tree !== tree)
    throw new Error(`receipt ${receipt.id} is for tree ${key.tree}, not ${tree}`);
  const base = await repo.treeOf(input.tip);
  if (key.landingBaseTree !== base)
    throw new Error(`receipt ${receipt.id} was made on another base`);
  if (key.policy !== state.run.policyHash)
    throw new Error(`receipt ${receipt.id} was made under another policy`);
  return receipt;
};

const landChange = async (work: Work, input: StepInputOf<"land">): Promise<Done> => {
  const { repo, state, row } = work;
  const task = taskOf(work);
  const ref = tipRef(state);
  const landed = (commit: string): Done => ({
    result: { kind: "land", land: { outcome: "landed", commit } },
    events: [
      {
        type: "merge.landed",
        commit,
        change: input.change,
        receipt: input.receipt,
        branch: integrationBranch(state.run.id),
        ...eventOwner(row),
      },
    ],
  });
  // the branch's own history says what has landed: a crash after the move is found here (I3)
  const before = await repo.landings(ref, state.run.base);
  const already = before.find(
    (l) =>
      l.parents[1] === input.change &&
      l.message.split("\n").includes(`${TRAILERS.task}: ${task.id}`),
  );
  if (already) return landed(already.commit);
  const tip = (await repo.readRef(ref)) ?? state.run.base;
  if (tip !== input.tip) return { result: { kind: "land", land: { outcome: "moved", tip } } };
  const receipt = await requireReceipt(work, input);
  const commit = await repo.commit({
    tree: await repo.treeOf(input.merged),
    parents: [tip, input.change],
    message: landingMessage(state, task, receipt),
    at: stableTime(row),
  });
  const { status } = (await stateOf(work.context.store, state.run.id)).run;
  if (!isRunning(status)) throw new NotNowError(`the run is ${status}`);
  try {
    await repo.moveRef(ref, commit, tip);
  } catch (cause) {
    if (!(cause instanceof RefMovedError)) throw cause;
    return { result: { kind: "land", land: { outcome: "moved", tip: cause.actual ?? tip } } };
  }
  return landed(commit);
};

const landingMessage = (state: RunState, row: TaskRow, { id, envelope }: RecordedReceipt): string =>
  commitMessage({
    subject: `Land ${row.id}: ${row.task.title}`,
    trailers: [
      [TRAILERS.run, state.run.id],
      [TRAILERS.task, row.id],
      [TRAILERS.requirement, row.task.requirements.join(", ") || "none"],
      [
        TRAILERS.receipt,
        formatReceiptTrailer({ receipt: id, ...(envelope === undefined ? {} : { envelope }) }),
      ],
      [TRAILERS.model, row.models.join(", ") || "none"],
      [TRAILERS.cost, formatUsd(row.spent)],
    ],
  });
