import {
  type Claim,
  type FactoryApi,
  type Fence,
  Guidance,
  isParked,
  isRunning,
  type NewEvent,
  type RunState,
  type Signal,
} from "@headrace/domain";
import { type Dispatcher, eventOwner } from "./dispatcher.ts";
import { type Context, stateOf, stepOf } from "./options.ts";
import { finishStep } from "./outcomes.ts";
import { type Calls, reserveCall } from "./reserve-call.ts";
import { settleCall } from "./settlement.ts";

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

/** Calls and asks of a claim that is over. */
const ended = ({ health, asks }: Calls, fence: Fence): void => {
  health.free(fence);
  asks.forget(fence);
};

const claim =
  (calls: Calls): FactoryApi["claim"] =>
  async (run, step, worker) => {
    const { context } = calls;
    const { store, limits } = context;
    const state = await store.state(run);
    const row = state?.steps[step];
    if (state === undefined || row === undefined) return { kind: "stale", reason: "no such step" };
    if (row.result !== undefined) return { kind: "stale", reason: "the step is finished" };
    if (!isRunning(state.run.status))
      return { kind: "stale", reason: `the run is ${state.run.status}` };
    if (isParked(state, row))
      return { kind: "stale", reason: `task ${row.task} is parked for its budget` };
    const answer = await store.claim(run, step, worker, limits.leaseMs);
    if (answer.kind === "busy") return answer;
    // nobody of an earlier claim has a place with a provider any more
    ended(calls, { run, step, epoch: answer.epoch - 1 });
    const claimed: Claim = {
      fence: { run, step, epoch: answer.epoch },
      until: answer.until,
      subject: row.subject,
      ...eventOwner(row),
      input: row.input,
      base: state.run.base,
      ...(await policyOf(context, state)),
      guidance: await guidanceOf(context, state),
      model: state.run.model,
      records: await store.records(run, step),
      signals: steersOf(state),
    };
    return { kind: "claimed", claim: claimed };
  };

const steersOf = ({ run }: RunState): Signal[] =>
  (run.steers ?? []).map((steer) => ({ kind: "steer", ...steer }));

const signalsOf = (state: RunState): Signal[] =>
  isRunning(state.run.status)
    ? steersOf(state)
    : [{ kind: "cancel", reason: `the run is ${state.run.status}` }];

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
export const createFactoryApi = (calls: Calls, dispatcher: Dispatcher): FactoryApi => {
  const { context, health } = calls;
  const { store, limits } = context;
  return {
    claim: claim(calls),
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
    reserve: (fence, call) => reserveCall(calls, fence, call),
    async began(fence, call) {
      await guard(context, fence);
      health.began(call);
    },
    settle: (fence, call, settlement) => settleCall(calls, fence, call, settlement),
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
    async outcome(fence, outcome) {
      await finishStep(context, dispatcher, fence, outcome);
      ended(calls, fence);
    },
  };
};
