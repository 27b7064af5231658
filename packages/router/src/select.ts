import type { Candidate, Considered, Decision, TokenUsage } from "@headrace/domain";
import type { Asking } from "./asking.ts";
import { explain } from "./explain.ts";
import { ASK_LIMITS } from "./limits.ts";
import { REST_MS } from "./pause.ts";
import { type Block, type Standing, standingOf } from "./standing.ts";

/** `decision` is what is recorded of it; `reason` is for people. */
export type Selection =
  /** `maxOutput` is to be reserved and sent; `estimate` is for `sent` */
  | {
      kind: "chosen";
      candidate: Candidate;
      maxOutput: number;
      estimate: TokenUsage;
      decision: Decision;
    }
  /** the bound does not show that the prompt fits this candidate's window: have it counted and ask again */
  | { kind: "count"; candidate: Candidate }
  /** ask again after so long */
  | { kind: "wait"; ms: number; reason: string; decision: Decision }
  /** nothing before then (RFC 3339) */
  | { kind: "deferred"; until: string; reason: string; decision: Decision }
  /** `unavailable`: a person must act · `invalid`: nobody will take the request · `context`: it fits no window */
  | { kind: "unavailable" | "invalid" | "context"; reason: string; decision: Decision }
  | { kind: "refused"; why: "budget" | "unpriced"; reason: string; decision: Decision };

/** How often it is looked whether a call that others wait for has ended. */
const POLL_MS = 1_000;

/**
 * How long a better candidate is waited for while another one is free, in milliseconds. A conversation that leaves its
 * candidate pays for writing all of it to another cache, and stays there.
 */
const PATIENCE = { usual: 5_000, pinned: 30_000 } as const;

const iso = (ms: number): string => new Date(ms).toISOString();

const isAuthor = ({ route, authorModel }: Asking, { candidate }: Standing): boolean =>
  route.differFrom !== undefined && candidate.model === authorModel;

/** Best first: the pinned one, then those that are not the author's, then as listed or by what the call costs. */
const inOrder = (asking: Asking, standings: Standing[]): Standing[] => {
  const rank = (standing: Standing): number => {
    if (standing.key === asking.pinned?.candidate) return 0;
    return isAuthor(asking, standing) ? 2 : 1;
  };
  const dearer = (a: Standing, b: Standing): number => {
    const [x, y] = [a.cost ?? Number.POSITIVE_INFINITY, b.cost ?? Number.POSITIVE_INFINITY];
    if (x !== y) return x < y ? -1 : 1;
    return a.key < b.key ? -1 : Number(a.key > b.key);
  };
  return standings.toSorted(
    (a, b) => rank(a) - rank(b) || (asking.route.order === "cheapest" ? dearer(a, b) : 0),
  );
};

/** When to look again, and whether this asking may; undefined where nobody knows a time. */
const opening = (
  { begun }: Asking,
  { until, poll, later }: Block,
  at: number,
): { time: number; later: boolean } | undefined => {
  if (poll === undefined)
    return until === undefined ? undefined : { time: until, later: later === true };
  // what ends at no known time is not waited for longer than anything else
  return at < begun.getTime() + ASK_LIMITS.maxWaitMs
    ? { time: Math.min(until ?? Number.POSITIVE_INFINITY, at + POLL_MS), later: false }
    : { time: at + REST_MS, later: true };
};

/** Whether this asking may wait for it, with a worker's slot held. */
const isInTime = (
  { begun }: Asking,
  { time, later }: { time: number; later: boolean },
  at: number,
): boolean =>
  !later && time - at <= ASK_LIMITS.maxWaitMs && time <= begun.getTime() + ASK_LIMITS.totalMs;

/** Whether a better candidate opens so soon that a free one is left for it. */
const isSoon = (asking: Asking, { key, block }: Standing, at: number): boolean => {
  const patience = key === asking.pinned?.candidate ? PATIENCE.pinned : PATIENCE.usual;
  const next = block && opening(asking, block, at);
  if (block === undefined || next === undefined || !isInTime(asking, next, at)) return false;
  // calls under way may hold it for minutes, and each look at them is soon; whoever is free costs less or is refused
  if (block.why === "over-budget") return false;
  // a prefix is held for seconds, and whoever leaves writes it elsewhere
  if (block.why === "prefix-held") return true;
  const over = block.poll === undefined ? next.time - at : at - asking.begun.getTime();
  return over <= patience;
};

type Ending = Exclude<Selection["kind"], "count">;

const decide = (
  asking: Asking,
  standings: readonly Standing[],
  outcome: Ending,
  facts: { chosen?: Standing; until?: number } = {},
): Decision => {
  const { chosen, until } = facts;
  const why = (standing: Standing): Considered["why"] => {
    if (standing === chosen) return "chosen";
    if (standing.block !== undefined) return standing.block.why;
    return isAuthor(asking, standing) ? "same-as-author" : "not-needed";
  };
  return {
    role: asking.request.role,
    outcome,
    ...(chosen === undefined ? {} : { chosen: chosen.key }),
    ...(chosen !== undefined && isAuthor(asking, chosen) ? { sameAsAuthor: true } : {}),
    ...(until === undefined ? {} : { until: iso(until) }),
    considered: standings.map((standing) => ({
      candidate: standing.key,
      why: why(standing),
      ...(standing.block?.until === undefined ? {} : { until: iso(standing.block.until) }),
      ...(standing.cost === undefined ? {} : { estimate: standing.cost }),
    })),
  };
};

/** Nobody can be taken, and no time will change that. */
const deadEnd = (asking: Asking, standings: readonly Standing[]): Selection => {
  const has = (why: Considered["why"]) => standings.some(({ block }) => block?.why === why);
  const reason = explain(standings);
  const ends = (kind: "unavailable" | "invalid" | "context"): Selection => ({
    kind,
    reason,
    decision: decide(asking, standings, kind),
  });
  const refused = (why: "budget" | "unpriced"): Selection => ({
    kind: "refused",
    why,
    reason,
    decision: decide(asking, standings, "refused"),
  });
  if (has("over-budget")) return refused("budget");
  if (has("unpriced")) return refused("unpriced");
  if (has("context")) return ends("context");
  if (has("auth") || has("gone")) return ends("unavailable");
  return ends(has("failed") ? "invalid" : "unavailable");
};

/** Nobody can be taken before `next`. */
const waited = (
  asking: Asking,
  standings: readonly Standing[],
  next: { time: number; later: boolean },
  at: number,
): Selection => {
  const { time } = next;
  const reason = explain(standings);
  if (isInTime(asking, next, at)) {
    const decision = decide(asking, standings, "wait", { until: time });
    return { kind: "wait", ms: time - at, reason, decision };
  }
  // a shorter conversation can go on at once, and need not wait until one so long can
  if (standings.some(({ block }) => block?.why === "context"))
    return { kind: "context", reason, decision: decide(asking, standings, "context") };
  const decision = decide(asking, standings, "deferred", { until: time });
  return { kind: "deferred", until: iso(time), reason, decision };
};

/** Chooses who answers a call, or says what stands in the way. The same asking has the same answer. */
export const select = (asking: Asking, date: Date): Selection => {
  const at = date.getTime();
  const standings = inOrder(
    asking,
    asking.route.candidates.map((candidate) => standingOf(asking, candidate, at)),
  );
  const free = standings.find(({ block }) => block === undefined);
  const openings = standings.flatMap((standing) => {
    const next = standing.block && opening(asking, standing.block, at);
    return next === undefined ? [] : [{ standing, ...next }];
  });
  if (free === undefined) {
    const [next] = openings.toSorted(
      (a, b) => a.time - b.time || Number(a.later) - Number(b.later),
    );
    return next === undefined ? deadEnd(asking, standings) : waited(asking, standings, next, at);
  }
  const better = standings.slice(0, standings.indexOf(free));
  const soon = openings.find(
    ({ standing }) => better.includes(standing) && isSoon(asking, standing, at),
  );
  if (soon !== undefined) return waited(asking, standings, soon, at);
  const { candidate, maxOutput, sure, usage } = free;
  if (!sure) return { kind: "count", candidate };
  const decision = decide(asking, standings, "chosen", { chosen: free });
  return { kind: "chosen", candidate, maxOutput, estimate: usage, decision };
};
