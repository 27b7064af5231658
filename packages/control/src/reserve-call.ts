import {
  accountsOf,
  type CallGrant,
  type CallRequest,
  type CallRow,
  candidateKey,
  type Decision,
  type DemandRow,
  type Fence,
  isParked,
  isRunning,
  isSimulated,
  limitsOf,
  type Pico,
  PRODUCT,
  type Reservation,
  type Route,
  type RunState,
  routeFor,
  type StepRow,
  type Store,
  type TryRow,
  totalTokens,
} from "@headrace/domain";
import { type Asking, type Selection, select } from "@headrace/router";
import { Asks } from "./asks.ts";
import { nearlyUsed, type Refusal, refusalOf, type Shared, sharedUse } from "./budgets.ts";
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
  /** by `candidateKey`: tokens of the prompt as they were counted or bounded by a bill, and what to hold for them */
  counts: Record<string, number>;
  bounds: Record<string, number>;
  /** candidates that were asked for a count */
  exact: readonly string[];
  tries: TryRow[];
  proven: string[];
  pinned: Asking["pinned"];
  authorModel: string | undefined;
  begun: Date;
  shared: Shared;
};

type Chosen = Extract<Selection, { kind: "chosen" }>;

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
  const { begun, tries, proven } = await asks.look(fence, call, { step, route });
  const known = (call.counted ?? []).flatMap((count) => ("tokens" in count ? [count] : []));
  const limits = limitsOf(state, step, budgets);
  return {
    ...{ fence, call, state, step, route, tries, proven, begun, limits },
    shared: await sharedUse(store, fence.run, limits),
    counts: Object.fromEntries(
      known.map(({ candidate, tokens, count = tokens }) => [candidate, count]),
    ),
    bounds: Object.fromEntries(known.map(({ candidate, tokens }) => [candidate, tokens])),
    exact: known.flatMap(({ candidate, count }) => (count === undefined ? [] : [candidate])),
    pinned: pinnedTo(await store.lastUsed(fence.run, { step: step.id })),
    authorModel: await authorOf(store, fence.run, { step, route }),
  };
};

/** The candidate of the step's last reply, whose cache holds the conversation. */
const pinnedTo = (last: CallRow | undefined): Asking["pinned"] => {
  if (last?.usage === undefined) return undefined;
  return {
    candidate: candidateKey(last),
    promptTokens: totalTokens(last.usage) - last.usage.output,
    at: new Date(last.settledAt ?? last.at),
  };
};

/** The model whose work for the task is to be judged by another. */
const authorOf = async (
  store: Pick<Store, "lastUsed">,
  run: string,
  { step: { task }, route: { differFrom: role } }: Pick<Facts, "step" | "route">,
): Promise<string | undefined> =>
  role === undefined || task === undefined
    ? undefined
    : (await store.lastUsed(run, { task, role }))?.model;

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
    const why = await hold(calls, facts, { ...chosen, id }, at);
    if (why === undefined) {
      // nothing is awaited from here on: what is held is handed out
      const { state, step, limits, shared } = facts;
      const percent = context.limits.warnPercent;
      const wrapUp = nearlyUsed(state, step, { limits, percent, shared });
      const told = wrapUp === undefined ? {} : { wrapUp };
      return { kind: "granted", call: id, candidate, maxOutput, ...told };
    }
    // its bytes, or these after an earlier bill, bound a prompt far above what it is: it may fit once it is counted
    if (!facts.exact.includes(candidateKey(candidate))) return asks.count(facts.call, candidate);
    overBudget[candidateKey(candidate)] = why;
  }
};

const askingOf = (
  { context, health }: Calls,
  facts: Facts,
  overBudget: Asking["overBudget"],
): Asking => {
  const { prices, clock, settings = "" } = context;
  const { call, route, tries, proven, begun, counts, pinned, authorModel, limits } = facts;
  const at = clock.now();
  return {
    ...{ request: call, route, tries, proven, begun, counts, overBudget },
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
  calls: Calls,
  facts: Facts,
  chosen: Pick<Chosen, "candidate" | "maxOutput" | "decision"> & { id: string },
  at: Date,
): Promise<Refusal | undefined> => {
  const { context, health } = calls;
  const { fence, state, step, limits } = facts;
  const owner = eventOwner(step);
  const simulated = isSimulated(state.run);
  const accounts = accountsOf({ run: fence.run, simulated, ...owner }, limits, at);
  const hour = limits.hour === undefined ? {} : { hour: limits.hour };
  try {
    const reservation = reservationOf(calls, facts, chosen, at);
    const demand = demandOf(facts, chosen.decision, { at });
    const held = await context.store.reserve(fence, reservation, { accounts, ...hour }, demand);
    if (held.kind === "granted") return undefined;
    health.giveBack(chosen.id);
    return refusalOf(held, { owner: { run: fence.run, ...owner }, limits }, at);
  } catch (error) {
    health.giveBack(chosen.id);
    throw error;
  }
};

/** The worst case of a call. What is said to be more than a request's bytes counts as these, which bound it. */
const reservationOf = (
  { context }: Calls,
  { call, step, bounds }: Facts,
  { id, candidate, maxOutput }: Pick<Chosen, "candidate" | "maxOutput"> & { id: string },
  at: Date,
): Reservation => {
  const { provider, model } = candidate;
  const input = Math.min(call.inputBound, bounds[candidateKey(candidate)] ?? call.inputBound);
  // where there is no price, the router has made sure that tokens are budgeted
  const amount: Pico = context.prices.worstCase(model, input, maxOutput, at) ?? 0;
  const { role, turn, ask } = call;
  const tokens = input + maxOutput;
  return { ...{ id, role, turn, ask, provider, model, amount, tokens }, ...eventOwner(step) };
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
  const { context, asks } = calls;
  // once for an ask that is told the same at each look
  if (asks.isNews(facts.call, chosen.decision)) {
    const at = context.clock.now();
    await context.store.recordDemand(demandOf(facts, chosen.decision, { at, reason }));
  }
  switch (chosen.kind) {
    case "wait":
      return { kind: "wait", ms: chosen.ms, reason };
    case "deferred":
      return { kind: "deferred", until: chosen.until, reason };
    case "unavailable": {
      const mended = `When a key, an account or a model has been seen to: \`${PRODUCT} resume ${facts.fence.run}\``;
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

const demandOf = (
  { fence: { run }, call, step }: Facts,
  decision: Decision,
  { at, reason }: { at: Date; reason?: string },
): DemandRow => ({
  at: at.toISOString(),
  ...{ run, step: step.id, turn: call.turn, ask: call.ask, decision },
  ...(step.task === undefined ? {} : { task: step.task }),
  ...(reason === undefined ? {} : { reason }),
});
