import { createHash } from "node:crypto";
import {
  canonicalJson,
  type Fence,
  isEnded,
  isRunning,
  limitsOf,
  type NewEvent,
  type RunState,
  type StepOutcome,
  type StepResult,
  type StepRow,
} from "@headrace/domain";
import { signReceipt } from "./attesting.ts";
import { type Dispatcher, eventOwner } from "./dispatcher.ts";
import { type Context, stateOf } from "./options.ts";

/** Ends a claim. The claim is released in every case, so that whoever is next need not wait for its lease. */
export const finishStep = async (
  context: Context,
  dispatcher: Dispatcher,
  fence: Fence,
  outcome: StepOutcome,
): Promise<void> => {
  const { store, limits } = context;
  const { run, step } = fence;
  const row = (await stateOf(store, run)).steps[step];
  if (row === undefined) throw new Error(`run ${run} has no step ${step}`);
  // a claim that was overtaken has no say, not even that it was lost
  await store.append(run, [], fence);
  switch (outcome.kind) {
    case "done": {
      const events = await resultEvents(context, run, row, outcome.result);
      // a run that has ended meanwhile gains nothing more
      await store.append(run, (s) => (s && isEnded(s.run.status) ? [] : events), fence);
      break;
    }
    case "fatal":
      await store.append(run, (s) => failing(s, `${step}: ${outcome.reason}`), fence);
      break;
    case "budget":
      await store.append(run, (s) => stopping(s, row, outcome), fence);
      break;
    case "infrastructure":
      if (row.lost + 1 >= limits.lostDeliveries) {
        const reason = `${step} was lost ${limits.lostDeliveries} times: ${outcome.reason}`;
        await store.append(run, (s) => failing(s, reason), fence);
      }
      break;
    case "retry": {
      const { at: until, reason } = outcome;
      const deferred: NewEvent = {
        type: "step.deferred",
        step,
        until,
        reason: reason.slice(0, 4000),
      };
      await store.append(run, (s) => (s && isRunning(s.run.status) ? [deferred] : []), fence);
      break;
    }
    case "stopped":
      break;
  }
  await store.release(fence);
  if (outcome.kind === "infrastructure") {
    await dispatcher.dispatch(run, step, { lost: true, reason: outcome.reason.slice(0, 4000) });
  }
};

const failing = (state: RunState | undefined, reason: string): NewEvent[] =>
  state && isRunning(state.run.status)
    ? [{ type: "run.failed", reason: reason.slice(0, 4000) }]
    : [];

/**
 * A task's own budget holds back the task, any other the run. A cap that was raised since the refusal stops nothing: the
 * reconciler dispatches the step again.
 */
const stopping = (
  state: RunState | undefined,
  row: StepRow,
  { reason: why, level = "run", cap }: Extract<StepOutcome, { kind: "budget" }>,
): NewEvent[] => {
  if (state === undefined || !isRunning(state.run.status)) return [];
  const reason = why.slice(0, 4000);
  const { task, attempt } = row;
  if ((level === "task" || level === "attempt") && task !== undefined) {
    const budget = limitsOf(state, { task })[level] ?? 0;
    if (cap !== undefined && budget > cap) return [];
    const about = attempt === undefined ? { task } : { task, attempt };
    return [{ type: "budget.parked", reason, level, budget, ...about }];
  }
  const { spent, budget, limits } = state.run;
  const held = level === "run" ? budget : level === "tokens" ? limits?.tokens : undefined;
  if (cap !== undefined && held !== undefined && held > cap) return [];
  return [{ type: "budget.stopped", reason, spent, budget, level }];
};

/** By this hash the log binds what was said in the step. */
const transcriptOf = async ({ store }: Context, run: string, step: string): Promise<string> => {
  const parts = await store.records(run, step);
  return createHash("sha256").update(parts.map(canonicalJson).join("\n")).digest("hex");
};

/** The step's end, and what people and later steps read of it. */
const resultEvents = async (
  context: Context,
  run: string,
  row: StepRow,
  result: StepResult,
): Promise<NewEvent[]> => {
  const owner = eventOwner(row);
  const ended: Extract<NewEvent, { type: "step.finished" }> = {
    type: "step.finished",
    step: row.id,
    result,
    ...owner,
  };
  if (result.kind === "verify") {
    const receipts = [...(result.first === undefined ? [] : [result.first]), result.receipt];
    const recorded = receipts.map(async (receipt): Promise<NewEvent> => {
      const envelope = await signReceipt(context, run, row, receipt);
      return { type: "receipt.recorded", receipt, envelope, ...owner };
    });
    return [...(await Promise.all(recorded)), ended];
  }
  if (result.kind !== "agent") return [ended];
  ended.transcript = await transcriptOf(context, run, row.id);
  if (row.role !== "researcher") return [ended];
  const output = result.result.end === "submitted" ? result.result.output : undefined;
  const summary = (output as { summary?: unknown } | undefined)?.summary;
  return typeof summary === "string"
    ? [{ type: "research.finished", summary, ...owner }, ended]
    : [ended];
};
