import { createHash } from "node:crypto";
import type {
  AskResult,
  CallGrant,
  Clock,
  FactoryApi,
  FailureClass,
  ModelClients,
  SentSettlement,
  Settlement,
} from "@headrace/domain";
import { type Ask, requestTo } from "./ask.ts";
import { Counts } from "./counts.ts";
import { inputBound } from "./input-bound.ts";
import { outcomeOf, thrown } from "./outcome.ts";

export type AskDeps = {
  clients: ModelClients;
  api: Pick<FactoryApi, "reserve" | "began" | "settle">;
  clock: Clock;
};

type Granted = Extract<CallGrant, { kind: "granted" }>;

/** Sends a granted call; whatever comes of it is its settlement. */
const send = async (
  { clients, api, clock }: AskDeps,
  ask: Ask,
  { call, candidate, maxOutput }: Granted,
): Promise<SentSettlement> => {
  const { fence, turn, signal } = ask;
  const sent = clock.now().getTime();
  const sinceSent = () => Math.max(0, clock.now().getTime() - sent);
  let firstByteMs: number | undefined;
  const timing = () => ({
    durationMs: sinceSent(),
    ...(firstByteMs === undefined ? {} : { firstByteMs }),
  });
  const onFirstByte = () => {
    firstByteMs = sinceSent();
    // siblings would only wait longer; a fence that is stale shows when the call is settled
    api.began(fence, call).catch(() => undefined);
  };
  try {
    const client = await clients(candidate.provider);
    const { reply, rate, reportedCost } = await client.complete(
      requestTo(ask, candidate, maxOutput),
      { onFirstByte, ...(signal === undefined ? {} : { signal }) },
    );
    const outcome = outcomeOf(reply, candidate);
    return {
      ...(outcome.kind === "reply"
        ? { ...outcome, turn, ...(reportedCost === undefined ? {} : { reportedCost }) }
        : outcome),
      ...timing(),
      ...(rate === undefined ? {} : { rate }),
    };
  } catch (error) {
    const outcome = thrown(error);
    const { rate } = outcome.failure;
    return { ...outcome, ...timing(), ...(rate === undefined ? {} : { rate }) };
  }
};

/** Failures whose words say what is amiss, with the prompt or with the account. */
const TELLING: ReadonlySet<FailureClass> = new Set(["refusal", "invalid", "auth"]);

type Refusal = Exclude<CallGrant, { kind: "granted" | "count" | "wait" }>;

/** The end of an ask for which nothing more is sent. */
const over = (grant: Refusal, refused: string | undefined): AskResult => {
  const { reason } = grant;
  switch (grant.kind) {
    case "deferred":
      return { kind: "unavailable", reason, retryAt: grant.until };
    case "unavailable":
      // the words of the provider tell a person what to see to
      return {
        kind: "unavailable",
        reason: refused === undefined ? reason : `${refused}. ${reason}`,
      };
    case "context":
    case "stopped":
      return { kind: grant.kind, reason };
    case "invalid":
      return {
        kind: "invalid",
        reason: refused === undefined ? reason : `${reason} (${refused})`,
      };
    case "refused": {
      const { level, cap } = grant;
      return {
        kind: "budget",
        reason,
        ...(level === undefined ? {} : { level }),
        ...(cap === undefined ? {} : { cap }),
      };
    }
  }
};

/** A count might show that the request fits after all. */
const restsOnBounds = (grant: Refusal): boolean =>
  grant.kind === "context" || (grant.kind === "refused" && grant.why === "budget");

const prefixOf = ({ tools, system }: Ask["request"]): string =>
  createHash("sha256")
    .update(JSON.stringify([tools, system]))
    .digest("hex");

/**
 * Asks for one reply and commits it. Which candidate is asked, whether its cost may be held and whether a failure is
 * tried again is decided by `reserve`; here every granted call is sent and settled exactly once, with its reply or as
 * failed. Rejects with the reason of the signal that is aborted (a call under way is settled first), and with whatever
 * the `FactoryApi` throws, `StaleEpochError` above all.
 */
export const askModel = async (deps: AskDeps, ask: Ask): Promise<AskResult> => {
  const { api, clock } = deps;
  const { fence, role, turn, request, maxOutput, signal, work = signal } = ask;
  const call = {
    role,
    turn,
    ask: clock.id(),
    inputBound: inputBound(request),
    maxOutput,
    prefix: prefixOf(request),
  };
  const counts = new Counts(deps.clients, ask);
  const begun = clock.now().getTime();
  let refused: string | undefined;
  for (;;) {
    signal?.throwIfAborted();
    work?.throwIfAborted();
    const grant = await api.reserve(fence, { ...call, counted: counts.take() });
    if (grant.kind === "wait") await clock.sleep(grant.ms, work);
    else if (grant.kind === "count") await counts.add(grant.candidate);
    else if (grant.kind === "granted") {
      const waitedMs = Math.max(0, clock.now().getTime() - begun);
      const settlement: Settlement = work?.aborted
        ? { kind: "unsent" }
        : await send(deps, ask, grant);
      await api.settle(fence, grant.call, settlement);
      if (settlement.kind === "reply") {
        const { candidate, wrapUp } = grant;
        const { reply } = settlement;
        const told = wrapUp === undefined ? {} : { wrapUp };
        return { kind: "reply", reply, candidate, waitedMs, ...told };
      }
      if (settlement.kind === "unsent") continue;
      const { class: failed, reason } = settlement.failure;
      if (TELLING.has(failed)) refused = reason;
    } else if (!(restsOnBounds(grant) && counts.forgetBounds())) return over(grant, refused);
  }
};
