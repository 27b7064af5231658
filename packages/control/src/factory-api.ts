import {
  type Claim,
  type FactoryApi,
  type Fence,
  formatUsd,
  Guidance,
  isRunning,
  type NewEvent,
  type RunState,
  type Signal,
  type StepRow,
} from "@headrace/domain";
import { type Dispatcher, eventOwner } from "./dispatcher.ts";
import { type Context, stateOf } from "./options.ts";
import { finishStep } from "./outcomes.ts";
import { settlementEvents } from "./settlement.ts";

const stepOf = (state: RunState, step: string): StepRow => {
  const row = state.steps[step];
  if (row === undefined) throw new Error(`run ${state.run.id} has no step ${step}`);
  return row;
};

const policyOf = async (context: Context, state: RunState) => {
  const { policy, policyHash } = state.run;
  const hash =
    policyHash ?? (await context.store.putBlob(new TextEncoder().encode(JSON.stringify(policy))));
  return { policy, policyHash: hash };
};

const guidanceOf = async (context: Context, state: RunState): Promise<Guidance[]> => {
  const bytes = await context.store.getBlob(state.run.guidance);
  return bytes === undefined
    ? []
    : Guidance.array().parse(JSON.parse(new TextDecoder().decode(bytes)));
};

const claim =
  (context: Context): FactoryApi["claim"] =>
  async (run, step, worker) => {
    const { store, limits } = context;
    const state = await store.state(run);
    const row = state?.steps[step];
    if (state === undefined || row === undefined) return { kind: "stale", reason: "no such step" };
    if (row.result !== undefined) return { kind: "stale", reason: "the step is finished" };
    if (!isRunning(state.run.status))
      return { kind: "stale", reason: `the run is ${state.run.status}` };
    const answer = await store.claim(run, step, worker, limits.leaseMs);
    if (answer.kind === "busy") return answer;
    const claimed: Claim = {
      fence: { run, step, epoch: answer.epoch },
      until: answer.until,
      subject: row.subject,
      ...eventOwner(row),
      input: row.input,
      base: state.run.base,
      ...(await policyOf(context, state)),
      guidance: await guidanceOf(context, state),
      routes: state.run.routes,
      model: state.run.model,
      records: await store.records(run, step),
    };
    return { kind: "claimed", claim: claimed };
  };

const signalsOf = (state: RunState): Signal[] =>
  isRunning(state.run.status) ? [] : [{ kind: "cancel", reason: `the run is ${state.run.status}` }];

const reserve =
  (context: Context): FactoryApi["reserve"] =>
  async (fence, call) => {
    const { store, prices, clock } = context;
    const { run } = await stateOf(store, fence.run);
    if (!isRunning(run.status)) return { kind: "stopped", reason: `the run is ${run.status}` };
    const worstCase = prices.worstCase(call.model, call.inputTokens, call.maxOutput, clock.now());
    if (worstCase === undefined) {
      const reason = `${call.model} has no price: no call is made that cannot be priced`;
      return { kind: "refused", why: "unpriced", reason };
    }
    const id = clock.id();
    const answer = await store.reserve(fence, {
      id,
      role: call.role,
      model: call.model,
      worstCase,
    });
    if (answer.kind === "granted") return { kind: "granted", call: id };
    const reason = `the next call may cost ${formatUsd(answer.needed)} and ${formatUsd(answer.available)} of the budget is free`;
    return { kind: "refused", why: "budget", reason, cap: run.budget };
  };

/** A commit a job may fetch: one its own row names, one an epoch of it recorded, or the run base under both. */
const mayFetch = async (context: Context, fence: Fence, commit: string): Promise<boolean> => {
  const state = await stateOf(context.store, fence.run);
  const { input } = stepOf(state, fence.step);
  if (commit === state.run.base || Object.values(input).includes(commit)) return true;
  const records = await context.store.records(fence.run, fence.step);
  return records.some((part) => part.kind === "snapshot" && part.commit === commit);
};

/** Refuses stale epochs on calls that write nothing themselves. */
const guard = (context: Context, fence: Fence) => context.store.append(fence.run, [], fence);

const repoOf = async (context: Context, run: string) =>
  context.repos.factory((await stateOf(context.store, run)).run.repo.path);

/** The in-process implementation of a worker's way to the control plane. */
export const createFactoryApi = (context: Context, dispatcher: Dispatcher): FactoryApi => {
  const { store, limits } = context;
  return {
    claim: claim(context),
    async renew(fence) {
      const until = await store.renew(fence, limits.leaseMs);
      return { until, signals: signalsOf(await stateOf(store, fence.run)) };
    },
    appendRecord: (fence, part) => store.appendRecord(fence, part),
    async putBlob(fence, bytes) {
      await guard(context, fence);
      return store.putBlob(bytes);
    },
    async getBlob(fence, id) {
      await guard(context, fence);
      return store.getBlob(id);
    },
    reserve: reserve(context),
    async settle(fence, call, settlement) {
      const state = await stateOf(store, fence.run);
      const settled = await settlementEvents(
        context,
        state,
        stepOf(state, fence.step),
        call,
        settlement,
      );
      await store.settle(fence, settled.call, settled.also);
    },
    async report(fence, event) {
      const row = stepOf(await stateOf(store, fence.run), fence.step);
      const owned: NewEvent = { ...event, ...eventOwner(row) };
      await store.append(fence.run, [owned], fence);
    },
    async getPack(fence, commit, have) {
      await guard(context, fence);
      if (!(await mayFetch(context, fence, commit))) {
        throw new Error(`step ${fence.step} does not name commit ${commit}`);
      }
      return (await repoOf(context, fence.run)).getPack(commit, have);
    },
    async putPack(fence, pack, commit) {
      await guard(context, fence);
      await (await repoOf(context, fence.run)).putPack(pack, commit);
    },
    outcome: (fence, outcome) => finishStep(context, dispatcher, fence, outcome),
  };
};
