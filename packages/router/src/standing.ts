import {
  type Candidate,
  type Consideration,
  candidateKey,
  FailureClass,
  type Pico,
  type TokenUsage,
} from "@headrace/domain";
import type { Asking } from "./asking.ts";
import { circuitBlock } from "./circuit.ts";
import { isBusy } from "./concurrency.ts";
import { estimated, roomFor } from "./estimate.ts";
import { FAILURES } from "./failures.ts";
import { ASK_LIMITS } from "./limits.ts";
import { pauseMs, REST_MS } from "./pause.ts";
import { prefixBlock } from "./prefix-gate.ts";
import { rateBlock } from "./rate-buckets.ts";
import { rowsOf } from "./rows.ts";

/** What keeps a candidate from being taken now. Times in milliseconds since 1970. */
export type Block = {
  why: Consideration;
  /** when it may be taken again; absent: nobody knows, or it takes a person */
  until?: number;
  /** ends with another call, which may be at any time */
  poll?: true;
  /** not in this asking any more */
  later?: true;
};

/** A candidate and how it stands; it may be taken where nothing blocks it. */
export type Standing = {
  candidate: Candidate;
  key: string;
  maxOutput: number;
  /** the prompt is known to fit its window */
  sure: boolean;
  usage: TokenUsage;
  cost: Pico | undefined;
  block?: Block;
};

type Look = { asking: Asking; standing: Standing; at: number };
type Check = (look: Look) => Block | undefined;

type Tried = { key: string; class: FailureClass; at: number };

/** Tries that failed. */
const failures = ({ tries }: Asking): Tried[] =>
  tries.flatMap((row) => {
    const known = FailureClass.safeParse(row.outcome);
    return known.success
      ? [{ key: candidateKey(row), class: known.data, at: Date.parse(row.at) }]
      : [];
  });

const incapable: Check = ({ asking, standing }) =>
  asking.route.needs.every((need) => standing.candidate.capabilities.includes(need))
    ? undefined
    : { why: "incapable" };

/** It does not fit by its count, or a provider has said that it does not fit a window as large as this one's. */
const tooLong: Check = ({ asking, standing: { candidate } }) => {
  const tried = failures(asking).filter(({ class: name }) => FAILURES[name].next === "larger");
  const windows = asking.route.candidates
    .filter((other) => tried.some(({ key }) => key === candidateKey(other)))
    .map(({ window }) => window);
  return candidate.window <= Math.max(0, ...windows) || roomFor(asking, candidate) === undefined
    ? { why: "context" }
    : undefined;
};

const unpriced: Check = ({ asking, standing }) =>
  standing.cost === undefined && asking.unpriced === "refused" ? { why: "unpriced" } : undefined;

const overBudget: Check = ({ asking, standing }) => {
  const refused = asking.overBudget[standing.key];
  if (refused === undefined) return undefined;
  const { until } = refused;
  return { why: "over-budget", ...(until === undefined ? {} : { until: Date.parse(until) }) };
};

const shutOut: Check = ({ asking, standing: { candidate }, at }) => {
  const rows = rowsOf(asking.health, candidate);
  const { credential } = rows.provider;
  if (credential?.state === "isolated" && credential.config === asking.config)
    return { why: "auth" };
  if (credential?.state === "out" && at < credential.until)
    return { why: "out-of-credit", until: credential.until };
  return rows.candidate.gone === asking.config ? { why: "gone" } : undefined;
};

/** Nobody takes the request, or its one fallback was refused, too; or this candidate would answer as it did. */
const turnedDown: Check = ({ asking, standing: { key } }) => {
  const tried = failures(asking).map((failure) => ({ ...failure, row: FAILURES[failure.class] }));
  const refusals = tried.filter(({ row }) => row.next === "once");
  const invalid = tried.filter(({ row }) => row.next === "no");
  const nobody =
    refusals.length > 1 || invalid.some((failure) => asking.proven.includes(failure.key));
  if (nobody || refusals.some((failure) => failure.key === key)) return { why: "failed" };
  // an account that is locked or settings that its model does not take, as far as anyone can tell
  return invalid.some((failure) => failure.key === key) ? { why: "unproven" } : undefined;
};

/** A key or a model that was out and is back in the meantime: that is for the next asking. */
const wasOut: Check = ({ asking, standing: { key }, at }) => {
  const out = failures(asking).some(
    (failure) => failure.key === key && FAILURES[failure.class].same === "no",
  );
  return out ? { why: "failed", until: at + REST_MS, later: true } : undefined;
};

const triedEnough: Check = ({ asking, standing: { key }, at }) => {
  const tried = failures(asking);
  if (tried.filter((failure) => failure.key === key).length > ASK_LIMITS.retriesPerCandidate)
    return { why: "failed", until: at + REST_MS, later: true };
  // each may have been billed, by whichever candidate: an outage is not to burn the budget
  const unknown = asking.tries.filter(({ estimated }) => estimated).length;
  const over =
    tried.length >= ASK_LIMITS.triesPerAsk ||
    unknown >= ASK_LIMITS.unknownBills ||
    at >= asking.begun.getTime() + ASK_LIMITS.totalMs;
  return over ? { why: "backing-off", until: at + REST_MS, later: true } : undefined;
};

const backingOff: Check = ({ asking, standing: { key }, at }) => {
  const mine = failures(asking).filter((failure) => failure.key === key);
  const last = mine.at(-1);
  if (last === undefined || FAILURES[last.class].same !== "backoff") return undefined;
  const until = last.at + pauseMs(asking.request.ask, key, mine.length);
  return at < until ? { why: "backing-off", until } : undefined;
};

const circuitOpen: Check = ({ asking, standing: { candidate }, at }) => {
  const block = circuitBlock(rowsOf(asking.health, candidate).candidate.circuit, at);
  if (block === undefined) return undefined;
  const { until, probed } = block;
  return { why: "circuit-open", until, ...(probed ? { poll: true } : {}) };
};

const rateLimited: Check = ({ asking, standing: { candidate, usage }, at }) => {
  const rows = rowsOf(asking.health, candidate);
  const until = Math.max(
    rows.candidate.notBefore ?? 0,
    rateBlock(rows.pool, usage, at)?.until ?? 0,
  );
  return at < until ? { why: "rate-limited", until } : undefined;
};

const busy: Check = ({ asking, standing: { candidate }, at }) =>
  isBusy(rowsOf(asking.health, candidate).provider, at) ? { why: "busy", poll: true } : undefined;

const prefixHeld: Check = ({ asking, standing: { candidate }, at }) => {
  if (!candidate.capabilities.includes("cache")) return undefined;
  const { prefixes } = rowsOf(asking.health, candidate).candidate;
  const block = prefixBlock(prefixes, asking.request.prefix, at);
  return block && { why: "prefix-held", until: block.until, poll: true };
};

/** Of what applies without an end in sight, the first is told. */
const CHECKS: readonly Check[] = [
  incapable,
  turnedDown,
  tooLong,
  unpriced,
  overBudget,
  shutOut,
  wasOut,
  triedEnough,
  backingOff,
  circuitOpen,
  rateLimited,
  busy,
  prefixHeld,
];

/** What lasts longest: for good, until the latest known time, or until another call ends. */
const longest = (blocks: readonly Block[]): Block | undefined => {
  const forGood = blocks.find(({ until, poll }) => until === undefined && poll === undefined);
  if (forGood !== undefined) return forGood;
  const [last] = blocks
    .filter(({ poll }) => poll === undefined)
    .toSorted((a, b) => (b.until ?? 0) - (a.until ?? 0));
  if (last === undefined) return blocks[0];
  return blocks.some(({ later }) => later) ? { ...last, later: true } : last;
};

export const standingOf = (asking: Asking, candidate: Candidate, at: number): Standing => {
  const room = roomFor(asking, candidate) ?? { maxOutput: 0, sure: true };
  const usage = estimated(asking, candidate, room.maxOutput, at);
  const cost = asking.price(candidate, usage);
  const standing = { candidate, key: candidateKey(candidate), ...room, usage, cost };
  const blocks = CHECKS.flatMap((check) => check({ asking, standing, at }) ?? []);
  const block = longest(blocks);
  return block === undefined ? standing : { ...standing, block };
};
