import {
  accountsOf,
  type CallGrant,
  type CallRequest,
  type CallRow,
  type Candidate,
  candidateKey,
  type Decision,
  type Fence,
  isParked,
  isRunning,
  limitsOf,
  type Pico,
  PRODUCT,
  type Reservation,
  type Route,
  type RunState,
  routeFor,
  type StepRow,
  type TryRow,
  totalTokens,
} from "@headrace/domain";
import { type Asking, type Selection, select } from "@headrace/router";
import { Asks } from "./asks.ts";
import { nearlyUsed, type Refusal, refusalOf } from "./budgets.ts";
import { eventOwner } from "./dispatcher.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { type Context, stateOf, stepOf } from "./options.ts";
import { ProviderHealth } from "./provider-health.ts";

/** What calls of models are decided with, one of each for all runs. */
export type Calls = {
  context: Context;
  health: ProviderHealth;
  asks: Asks;
  serially: <T>(work: () => Promise<T>) => Promise<T>;
};

export const createCalls = (context: Context): Calls => {
  const health = new ProviderHealth(context);
  return { context, health, asks: new Asks(context, health), serially: oneAtATime() };
};

/** What one reservation is decided from; read once, while the accounts are the store's to decide. */
type Facts = {
  fence: Fence;
  call: CallRequest;
  state: RunState;
  step: StepRow;
  route: Route;
  limits: ReturnType<typeof limitsOf>;
  counts: Record<string, number>;
  tries: TryRow[];
  pinned: Asking["pinned"];
  authorModel: string | undefined;
  begun: Date;
};

/**
 * Chooses a model for one call and holds its worst case on every budget above it, or says what stands in the way. The
 * choice takes its place with the provider in the tick in which it is made, so no two callers can take the same one.
 */
export const reserveCall = async (
  calls: Calls,
  fence: Fence,
  call: CallRequest,
): Promise<CallGrant> => {
  const { context, health } = calls;
  // a claim that was overtaken is told so, whatever the answer would be
  await context.store.append(fence.run, [], fence);
  const state = await stateOf(context.store, fence.run);
  const step = stepOf(state, fence.step);
  if (!isRunning(state.run.status))
    return { kind: "stopped", reason: `the run is ${state.run.status}` };
  if (isParked(state, step))
    return { kind: "stopped", reason: `task ${step.task} is parked for its budget` };
  await health.load();
  return decide(calls, await factsOf(calls, { fence, call, state, step }));
};

const factsOf = async (
  { context, asks }: Calls,
  { fence, call, state, step }: Pick<Facts, "fence" | "call" | "state" | "step">,
): Promise<Facts> => {
  const { store, budgets } = context;
  const { run } = state;
  const route = routeFor(run.routes, run.overrides ?? [], call.role, step.task);
  const { begun, tries } = await asks.look(fence, call, { step, route });
  const made = await store.calls(fence.run);
  const counts = (call.counted ?? []).flatMap((count) =>
    "tokens" in count ? [[count.candidate, count.tokens]] : [],
  );
  return {
    ...{ fence, call, state, step, route, tries, begun },
    limits: limitsOf(state, step, budgets),
    counts: Object.fromEntries(counts),
    pinned: pinnedTo(made, step),
    authorModel: authorOf(made, step, route),
  };
};

const hasReplied = ({ state, usage }: CallRow): boolean => state === "settled" && !!usage;

/** The candidate of the step's last reply, whose cache holds the conversation. */
const pinnedTo = (made: readonly CallRow[], step: StepRow): Asking["pinned"] => {
  const last = made.findLast((row) => row.step === step.id && hasReplied(row));
  if (last?.usage === undefined) return undefined;
  return {
    candidate: candidateKey(last),
    promptTokens: totalTokens(last.usage) - last.usage.output,
    at: new Date(last.settledAt ?? last.at),
  };
};

/** The model whose work for the task is to be judged by another. */
const authorOf = (
  made: readonly CallRow[],
  { task }: StepRow,
  { differFrom }: Route,
): string | undefined =>
  differFrom === undefined || task === undefined
    ? undefined
    : made.findLast((row) => row.role === differFrom && row.task === task && hasReplied(row))
        ?.model;

/** Candidates in their order, until a budget holds one of them or none is left. */
const decide = async (calls: Calls, facts: Facts): Promise<CallGrant> => {
  const { context, health, asks } = calls;
  const overBudget: Record<string, Refusal> = {};
  for (;;) {
    const at = context.clock.now();
    const chosen = select(askingOf(calls, facts, overBudget), at);
    if (chosen.kind === "count") return asks.count(facts.call, chosen.candidate);
    if (chosen.kind !== "chosen") return answer(calls, facts, chosen, overBudget);
    const { candidate, maxOutput, estimate } = chosen;
    const id = context.clock.id();
    const { prefix } = facts.call;
    health.take(facts.fence, { call: id, candidate, prefix, estimate });
    const why = await hold(calls, facts, { id, candidate, maxOutput }, at);
    if (why === undefined) {
      await tellDemand(calls, facts, chosen.decision);
      const wrapUp = nearlyUsed(facts.state, facts.step, facts.limits, context.limits.warnPercent);
      const told = wrapUp === undefined ? {} : { wrapUp };
      return { kind: "granted", call: id, candidate, maxOutput, ...told };
    }
    // its bytes bound a prompt far above what it is: it may fit once it is counted
    if (facts.counts[candidateKey(candidate)] === undefined)
      return asks.count(facts.call, candidate);
    overBudget[candidateKey(candidate)] = why;
  }
};

const askingOf = (
  { context, health }: Calls,
  facts: Facts,
  overBudget: Asking["overBudget"],
): Asking => {
  const { prices, clock, settings = "" } = context;
  const { call, route, tries, begun, counts, pinned, authorModel, limits } = facts;
  const at = clock.now();
  return {
    ...{ request: call, route, tries, begun, counts, overBudget },
    health: health.now,
    config: settings,
    ...(pinned === undefined ? {} : { pinned }),
    ...(authorModel === undefined ? {} : { authorModel }),
    unpriced: limits.tokens === undefined ? "refused" : "allowed",
    price: ({ model }, usage) => prices.cost(model, usage, at),
  };
};

/** Holds the call on all its accounts; why not, where one of them cannot. Whatever happens, a call that is not held has no place. */
const hold = async (
  { context, health }: Calls,
  facts: Facts,
  { id, candidate, maxOutput }: { id: string; candidate: Candidate; maxOutput: number },
  at: Date,
): Promise<Refusal | undefined> => {
  const { fence, call, step, limits, counts } = facts;
  const { provider, model } = candidate;
  const input = counts[candidateKey(candidate)] ?? call.inputBound;
  // where there is no price, the router has made sure that tokens are budgeted
  const amount: Pico = context.prices.worstCase(model, input, maxOutput, at) ?? 0;
  const owner = eventOwner(step);
  const reservation: Reservation = {
    ...{ id, role: call.role, turn: call.turn, ask: call.ask, provider, model, amount, ...owner },
    tokens: input + maxOutput,
  };
  const accounts = accountsOf({ run: fence.run, ...owner }, limits, at);
  const hour = limits.hour === undefined ? {} : { hour: limits.hour };
  try {
    const held = await context.store.reserve(fence, reservation, { accounts, ...hour });
    if (held.kind === "granted") return undefined;
    health.giveBack(id);
    return refusalOf(held, { owner: { run: fence.run, ...owner }, limits }, at);
  } catch (error) {
    health.giveBack(id);
    throw error;
  }
};

/** What becomes of the ask when nothing is sent. */
const answer = async (
  calls: Calls,
  facts: Facts,
  chosen: Exclude<Selection, { kind: "chosen" | "count" }>,
  overBudget: Readonly<Record<string, Refusal>>,
): Promise<CallGrant> => {
  const refused = refusalBehind(chosen, overBudget);
  const reason = refused?.reason ?? chosen.reason;
  await tellDemand(calls, facts, chosen.decision, reason);
  switch (chosen.kind) {
    case "wait":
      return { kind: "wait", ms: chosen.ms, reason };
    case "deferred":
      return { kind: "deferred", until: chosen.until, reason };
    case "unavailable": {
      const mended = `When a key or a model has been seen to: \`${PRODUCT} resume ${facts.fence.run}\``;
      return { kind: "unavailable", reason: `${chosen.reason}. ${mended}` };
    }
    case "invalid":
    case "context":
      return { kind: chosen.kind, reason: chosen.reason };
    case "refused":
      if (refused === undefined) return { kind: "refused", why: chosen.why, reason };
      return { kind: "refused", why: "budget", ...refused.told };
  }
};

/** The budget that the answer is about, if it is about one: a circuit or a rate may open sooner, or alone. */
const refusalBehind = (
  { kind, decision: { considered, until } }: Exclude<Selection, { kind: "chosen" | "count" }>,
  overBudget: Readonly<Record<string, Refusal>>,
): Refusal | undefined => {
  if (kind === "refused") return Object.values(overBudget)[0];
  const next = considered.find((one) => one.until !== undefined && one.until === until);
  return next?.why === "over-budget" ? overBudget[next.candidate] : undefined;
};

/** Once for an ask that is told the same at each look. */
const tellDemand = async (
  { context: { store, clock }, asks }: Calls,
  { fence, call, step }: Facts,
  decision: Decision,
  reason?: string,
): Promise<void> => {
  if (!asks.isNews(call, decision)) return;
  const { run } = fence;
  await store.recordDemand({
    at: clock.now().toISOString(),
    ...{ run, step: step.id, turn: call.turn, ask: call.ask, decision },
    ...(step.task === undefined ? {} : { task: step.task }),
    ...(reason === undefined ? {} : { reason }),
  });
};
