import {
  type AskResult,
  type CallGrant,
  type Clock,
  type FactoryApi,
  type Fence,
  type ModelClient,
  ModelFailure,
  type ModelReply,
  type ModelRequest,
  type Role,
  type Settlement,
} from "@headrace/domain";
import { type Billed, inputBound } from "./input-bound.ts";
import { type AskLimits, type NextTry, nextTry } from "./retry.ts";

export type AskDeps = {
  client: ModelClient;
  api: Pick<FactoryApi, "reserve" | "settle">;
  clock: Clock;
  limits: AskLimits;
};

export type Ask = {
  fence: Fence;
  role: Role;
  request: ModelRequest;
  /** of the conversation: the reply is committed as the record of this turn */
  turn: number;
  /** of the call before in the same conversation: then this one is reserved without being counted */
  billed?: Billed;
  signal?: AbortSignal;
};

type Tried =
  | Extract<AskResult, { kind: "reply" | "budget" | "stopped" }>
  /** `call` is the reservation still to be settled; absent when counting failed */
  | { kind: "failed"; failure: ModelFailure; call?: string };

const failed = (error: unknown, call?: string): Tried => {
  if (!(error instanceof ModelFailure)) throw error;
  return { kind: "failed", failure: error, ...(call === undefined ? {} : { call }) };
};

/** A reservation that holds whatever the call may cost: by its bound, or counted where the bound does not fit. */
const reserve = async ({ client, api }: AskDeps, ask: Ask): Promise<CallGrant> => {
  const { fence, role, request, billed, signal } = ask;
  const { model, maxTokens: maxOutput } = request;
  const hold = (inputTokens: number) => api.reserve(fence, { role, model, inputTokens, maxOutput });
  const bound = billed && inputBound(request, billed);
  if (bound !== undefined) {
    const grant = await hold(bound);
    if (grant.kind !== "refused" || grant.why !== "budget") return grant;
  }
  return hold(await client.countTokens(request, signal));
};

/** Reserve, send; a reply is settled at once. */
const tryOnce = async (deps: AskDeps, ask: Ask): Promise<Tried> => {
  const { client, api, clock } = deps;
  const { fence, request, turn, signal } = ask;
  let grant: CallGrant;
  try {
    grant = await reserve(deps, ask);
  } catch (error) {
    return failed(error);
  }
  if (grant.kind === "refused") {
    const { reason, cap } = grant;
    return { kind: "budget", reason, ...(cap === undefined ? {} : { cap }) };
  }
  if (grant.kind === "stopped") return grant;

  const sent = clock.now().getTime();
  let reply: ModelReply;
  try {
    reply = await client.complete(request, signal);
  } catch (error) {
    return failed(error, grant.call);
  }
  const durationMs = Math.max(0, clock.now().getTime() - sent);
  await api.settle(fence, grant.call, { kind: "reply", turn, reply, durationMs });
  return { kind: "reply", reply };
};

const failedSettlement = (failure: ModelFailure, next: NextTry): Settlement => ({
  kind: "failed",
  class: failure.class,
  reason: failure.message,
  billed: failure.started,
  retryInMs: next.kind === "wait" ? next.ms : null,
});

const giveUp = (
  failure: ModelFailure,
  next: Exclude<NextTry, { kind: "wait" }>,
  now: Date,
): AskResult => {
  const reason = failure.message;
  if (next.kind === "invalid") return { kind: "invalid", reason };
  if (next.retryInMs === undefined) return { kind: "unavailable", reason };
  const retryAt = new Date(now.getTime() + next.retryInMs).toISOString();
  return { kind: "unavailable", reason, retryAt };
};

/**
 * Asks for one reply and commits it. Every try is reserved before it is sent and settled exactly once: with
 * the reply, or as failed. Rejects with the signal's reason when it is aborted (a try under way is settled
 * first), and with whatever `reserve` and `settle` throw, `StaleEpochError` above all.
 */
export const askModel = async (deps: AskDeps, ask: Ask): Promise<AskResult> => {
  const { api, clock, limits } = deps;
  const { fence, signal } = ask;
  const begun = clock.now().getTime();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const tried = await tryOnce(deps, ask);
    if (tried.kind !== "failed") return tried;
    const { failure, call } = tried;
    const now = clock.now();
    const elapsedMs = now.getTime() - begun;
    const next: NextTry =
      signal?.aborted === true
        ? { kind: "unavailable" }
        : nextTry(failure, { attempt, elapsedMs, random: clock.random() }, limits);
    if (call !== undefined) await api.settle(fence, call, failedSettlement(failure, next));
    signal?.throwIfAborted();
    if (next.kind !== "wait") return giveUp(failure, next, now);
    await clock.sleep(next.ms, signal);
  }
};
