import {
  type CallRow,
  formatUsd,
  type Pico,
  type NewEvent,
  NO_USAGE,
  type RecordPart,
  type RunState,
  type Settlement,
  type StepRow,
  type TokenUsage,
} from "@headrace/domain";
import { eventOwner } from "./dispatcher.ts";
import type { Context } from "./options.ts";

type Settled = {
  call: { id: string; state: "settled" | "estimated" | "released"; cost: Pico; usage?: TokenUsage };
  also: { part?: RecordPart; events: NewEvent[] };
};

/** What a call cost, as events: priced from its usage, or its whole reservation when that is unknown. */
export const settlementEvents = async (
  context: Context,
  state: RunState,
  step: StepRow,
  id: string,
  settlement: Settlement,
): Promise<Settled> => {
  const call = (await context.store.calls(state.run.id)).find((c) => c.id === id);
  if (call === undefined) throw new Error(`call ${id} was never reserved`);
  return settlement.kind === "reply"
    ? replied(context, state, step, call, settlement)
    : failed(context, state, step, call, settlement);
};

const role = (step: StepRow) => {
  if (step.role === undefined) throw new Error(`step ${step.id} calls no model`);
  return step.role;
};

const replied = (
  context: Context,
  state: RunState,
  step: StepRow,
  call: CallRow,
  { reply, turn, durationMs }: Extract<Settlement, { kind: "reply" }>,
): Settled => {
  // at the prices it was reserved at: a table that changes in mid-call cannot pass the reservation
  const priced = context.prices.cost(call.model, reply.usage, new Date(call.at));
  const cost = priced ?? call.reserved;
  const called: NewEvent = {
    type: "model.called",
    call: call.id,
    step: step.id,
    role: role(step),
    model: call.model,
    usage: reply.usage,
    cost,
    estimated: priced === undefined,
    durationMs: Math.round(durationMs),
    ...eventOwner(step),
  };
  return {
    call: {
      id: call.id,
      state: priced === undefined ? "estimated" : "settled",
      cost,
      usage: reply.usage,
    },
    also: {
      part: { kind: "reply", turn, reply },
      events: [called, ...warning(context, state, cost)],
    },
  };
};

const failed = (
  context: Context,
  state: RunState,
  step: StepRow,
  call: CallRow,
  settlement: Extract<Settlement, { kind: "failed" }>,
): Settled => {
  const failure: NewEvent = {
    type: "model.failed",
    step: step.id,
    role: role(step),
    class: settlement.class,
    reason: settlement.reason.slice(0, 4000),
    retryInMs: settlement.retryInMs,
    ...eventOwner(step),
  };
  if (!settlement.billed) {
    return { call: { id: call.id, state: "released", cost: 0 }, also: { events: [failure] } };
  }
  const usage = settlement.usage ?? NO_USAGE;
  const called: NewEvent = {
    type: "model.called",
    call: call.id,
    step: step.id,
    role: role(step),
    model: call.model,
    usage,
    cost: call.reserved,
    estimated: true,
    durationMs: 0,
    ...eventOwner(step),
  };
  return {
    call: { id: call.id, state: "estimated", cost: call.reserved, usage },
    also: { events: [failure, called, ...warning(context, state, call.reserved)] },
  };
};

const warning = (context: Context, { run }: RunState, cost: Pico): NewEvent[] => {
  const spent = run.spent + cost;
  if (run.budgetWarned || spent * 100 < run.budget * context.limits.warnPercent) return [];
  context.log(`run ${run.id} has spent ${formatUsd(spent)} of ${formatUsd(run.budget)}`);
  return [{ type: "budget.warned", spent, budget: run.budget }];
};
