import { type Candidate, candidateKey, NO_USAGE, type TokenUsage } from "@headrace/domain";
import type { Asking } from "./asking.ts";
import { CACHE_MS } from "./limits.ts";

/** A token of prose or code is three to four bytes long; fewer make more tokens. */
const BYTES_PER_TOKEN = 3;

/** Output of a turn, for estimates: a tool call with its reasons. */
const USUAL_OUTPUT = 1_000;

/** A reply shorter than this may be cut off in the middle of a tool call, so a window has to leave as much. */
const LEAST_OUTPUT = 4_096;

/** As a provider counted it. Where none can, its bytes stand for it, and no prompt has as many tokens. */
const countedBy = ({ request, counts }: Asking, key: string): number | undefined => {
  const count = counts[key];
  return count === undefined || count >= request.inputBound ? undefined : count;
};

/** The prompt's tokens as counted by anyone, else the known beginning and what its bytes let expect of the rest. */
const promptTokens = (asking: Asking, key: string): number => {
  const { request, counts, pinned } = asking;
  const others = Object.keys(counts).flatMap((other) => countedBy(asking, other) ?? []);
  const counted = countedBy(asking, key) ?? Math.max(0, ...others);
  if (counted > 0) return counted;
  const known = Math.min(pinned?.promptTokens ?? 0, request.inputBound);
  return known + Math.ceil((request.inputBound - known) / BYTES_PER_TOKEN);
};

const isWarm = ({ pinned }: Asking, key: string, at: number): boolean =>
  pinned?.candidate === key && at < pinned.at.getTime() + CACHE_MS;

/** What the call will probably use: the pinned candidate reads what its cache holds, any other writes it anew. */
export const estimated = (
  asking: Asking,
  candidate: Candidate,
  maxOutput: number,
  at: number,
): TokenUsage => {
  const key = candidateKey(candidate);
  const prompt = promptTokens(asking, key);
  const output = Math.min(maxOutput, USUAL_OUTPUT);
  if (!candidate.capabilities.includes("cache")) return { ...NO_USAGE, input: prompt, output };
  const held = isWarm(asking, key, at) ? (asking.pinned?.promptTokens ?? 0) : 0;
  const cacheRead = Math.min(prompt, held);
  return { ...NO_USAGE, cacheRead, cacheWrite5m: prompt - cacheRead, output };
};

/**
 * Output tokens that the candidate's window leaves, of those asked for; `undefined` where the prompt does not fit.
 * `sure` where nobody can tell better: it was counted, or its bound leaves room for all of it.
 */
export const roomFor = (
  asking: Asking,
  candidate: Candidate,
): { maxOutput: number; sure: boolean } | undefined => {
  const { request, counts } = asking;
  const wanted = Math.min(request.maxOutput, candidate.maxOutput ?? request.maxOutput);
  const key = candidateKey(candidate);
  if (request.inputBound + wanted <= candidate.window) return { maxOutput: wanted, sure: true };
  if (counts[key] === undefined) return { maxOutput: wanted, sure: false };
  // what nobody can count is sent as far as can be told, and its provider says whether it fits
  const room = candidate.window - (countedBy(asking, key) ?? promptTokens(asking, key));
  return room < Math.min(wanted, LEAST_OUTPUT)
    ? undefined
    : { maxOutput: Math.min(wanted, room), sure: true };
};
