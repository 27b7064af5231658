import {
  type CallRow,
  type Candidate,
  candidateKey,
  type Fence,
  limitsOf,
  type NewEvent,
  NO_USAGE,
  type RunState,
  routeFor,
  type SentSettlement,
  type Settled,
  type Settlement,
  StaleEpochError,
  type StepRow,
  type Store,
  type TokenUsage,
  type TryRow,
  totalTokens,
} from "@headrace/domain";
import type { CallEnd } from "@headrace/router";
import { budgetWarnings, nearWords, sharedUse } from "./budgets.ts";
import { failureEvents, roleOf } from "./call-events.ts";
import { eventOwner } from "./dispatcher.ts";
import { type Context, stateOf, stepOf } from "./options.ts";
import type { Calls } from "./reserve-call.ts";

type Failed = Extract<SentSettlement, { kind: "failed" }>;

/** Ends a call: what it cost, its reply's record, what people read of it, and what it says about its provider. */
export const settleCall = async (
  calls: Calls,
  fence: Fence,
  id: string,
  settlement: Settlement,
): Promise<void> => {
  const { context, health, asks } = calls;
  const { store } = context;
  const call = await store.call(fence.run, id);
  if (call === undefined) throw new Error(`call ${id} was never reserved`);
  if (settlement.kind === "unsent") {
    await book(calls, { call, fence }, { id, state: "released", cost: 0 }, {});
    return health.giveBack(id);
  }
  const before = await stateOf(store, fence.run);
  const candidate = candidateOf(before, stepOf(before, fence.step), call);
  // one that is told twice teaches nothing the second time
  const teaches = call.state === "open";
  const end = endOf(settlement);
  const tries = await store.tries(fence.run, call.ask);
  const ordinal = tries.filter((row) => row.call !== id).length + 1;
  // one after the other, so that what is nearly used is told once
  await calls.serially(async () => {
    const state = await stateOf(store, fence.run);
    const step = stepOf(state, fence.step);
    const settled = costOf(context, call, settlement);
    const learned = teaches ? health.lesson(id, candidate, end) : {};
    const tried = triedOf(context, { call, ordinal }, settlement, settled);
    const events = [
      ...(settlement.kind === "failed"
        ? failureEvents(step, candidate, settlement.failure, {
            ...learned,
            durationMs: Math.round(settlement.durationMs),
          })
        : []),
      ...(settled.state === "released"
        ? []
        : await calledEvents(context, { state, step, call }, settled, settlement)),
    ];
    const part =
      settlement.kind === "reply"
        ? { part: { kind: "reply" as const, turn: settlement.turn, reply: settlement.reply } }
        : {};
    await book(calls, { call, fence }, settled, { ...part, events, tried });
    // what the ledger does not take teaches nothing
    if (teaches) await health.answered(id, candidate, end);
  });
  if (settlement.kind === "reply") asks.over(call.ask);
};

const book = async (
  calls: Calls,
  { call, fence }: { call: CallRow; fence: Fence },
  settled: Settled,
  also: Parameters<Store["settle"]>[2],
): Promise<void> => {
  try {
    await calls.context.store.settle(fence, settled, also);
  } catch (error) {
    if (error instanceof StaleEpochError) await correct(calls, { call, fence }, settled);
    throw error;
  }
};

/**
 * A worker that lost its claim tells what its call cost. The reply is of no use any more, and the call was booked as
 * estimated for want of anybody to tell, or is now: then the bill is corrected, as long as nothing rests on it.
 */
const correct = async (
  { context: { store, log }, health }: Calls,
  { call: { id, run, step, epoch }, fence }: { call: CallRow; fence: Fence },
  { state, cost, usage, work }: Settled,
): Promise<void> => {
  const isKnown = state === "settled" || state === "released";
  if (!isKnown || step !== fence.step || epoch !== fence.epoch) return;
  health.free((await store.settleOrphans(run)).map((orphan) => orphan.id));
  if ((await store.call(run, id))?.state !== "estimated") return;
  const to = {
    cost,
    ...(state === "released" ? { tokens: 0 } : {}),
    ...(usage === undefined ? {} : { usage }),
    ...(work === undefined ? {} : { work }),
  };
  const why = "told by its worker after the claim was lost";
  await store
    .adjust(run, id, to, why)
    // it was classed meanwhile, and stays as it was
    .catch((cause) => log(`call ${id} of ${run} was told too late: ${String(cause)}`));
};

/** The candidate as the run's routes have it; the ledger does not know its pool. */
const candidateOf = (
  { run }: RunState,
  { task }: StepRow,
  { provider, model, role }: CallRow,
): Pick<Candidate, "provider" | "model" | "pool"> => {
  const { candidates } = routeFor(run.routes, run.overrides ?? [], role, task);
  const key = candidateKey({ provider, model });
  return (
    candidates.find((one) => candidateKey(one) === key) ?? { provider, model, pool: "default" }
  );
};

const endOf = (settlement: SentSettlement): CallEnd => {
  const rate = settlement.rate === undefined ? {} : { rate: settlement.rate };
  return settlement.kind === "reply"
    ? { kind: "reply", usage: settlement.reply.usage, ...rate }
    : { kind: "failed", failure: { ...rate, ...settlement.failure } };
};

/** At the prices it was reserved at: a table that changes in mid-call cannot pass the reservation. */
const costOf = ({ prices }: Context, call: CallRow, settlement: SentSettlement): Settled => {
  const priced = (usage: TokenUsage): Settled => {
    const cost = prices.cost(call.model, usage, new Date(call.at));
    const work = prices.work(call.model, usage);
    return {
      id: call.id,
      // a model without a price was reserved by its tokens, at nothing
      state: cost === undefined && call.amount > 0 ? "estimated" : "settled",
      cost: cost ?? call.amount,
      usage,
      ...(work === undefined ? {} : { work }),
    };
  };
  if (settlement.kind === "reply") {
    const { reply, reportedCost } = settlement;
    return { ...priced(reply.usage), ...(reportedCost === undefined ? {} : { reportedCost }) };
  }
  if (!settlement.billed) return { id: call.id, state: "released", cost: 0 };
  const { seen } = settlement;
  if (seen?.state === "reported") return priced(seen.usage);
  const partial = seen === undefined ? {} : { usage: seen.usage };
  return { id: call.id, state: "estimated", cost: call.amount, ...partial };
};

const calledEvents = async (
  context: Context,
  { state, step, call }: { state: RunState; step: StepRow; call: CallRow },
  { state: became, cost, usage = NO_USAGE, work }: Settled,
  { durationMs }: SentSettlement,
): Promise<NewEvent[]> => {
  const { provider, model } = call;
  const limits = limitsOf(state, step, context.budgets);
  const percent = context.limits.warnPercent;
  const shared = await sharedUse(context.store, state.run.id, limits);
  const warnings = budgetWarnings(state, step, {
    ...{ limits, percent, shared },
    // as it is booked, whatever the provider says
    cost: Math.min(cost, call.amount),
    tokens: became === "estimated" ? call.tokens : Math.min(totalTokens(usage), call.tokens),
  });
  for (const { level = "run" } of warnings)
    context.log(`run ${state.run.id}: ${nearWords(level, percent)}`);
  return [
    {
      type: "model.called",
      ...{ call: call.id, step: step.id, role: roleOf(step), provider, model, usage, cost },
      estimated: became === "estimated",
      durationMs: Math.round(durationMs),
      ...(work === undefined ? {} : { work }),
      ...eventOwner(step),
    },
    ...warnings,
  ];
};

const triedOf = (
  { clock }: Context,
  { call, ordinal }: { call: CallRow; ordinal: number },
  settlement: SentSettlement,
  { state, cost, usage }: Settled,
): TryRow => {
  const { run, step, task, attempt, role, turn, ask, provider, model } = call;
  const { durationMs, firstByteMs } = settlement;
  return {
    at: clock.now().toISOString(),
    ...{ run, step, role, turn, ask, call: call.id, provider, model, ordinal, cost },
    ...(task === undefined ? {} : { task }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(settlement.kind === "reply"
      ? { outcome: "ok", served: settlement.reply.model }
      : failedOf(settlement)),
    durationMs: Math.round(durationMs),
    ...(firstByteMs === undefined ? {} : { firstByteMs: Math.round(firstByteMs) }),
    ...(usage === undefined ? {} : { usage }),
    ...(state === "estimated" ? { estimated: true } : {}),
  };
};

const failedOf = ({ failure: { class: outcome, status } }: Failed) => ({
  outcome,
  ...(status === undefined ? {} : { status }),
});
