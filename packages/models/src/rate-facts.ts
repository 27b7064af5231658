import type { RateFacts, RateKind } from "@headrace/domain";
import { z } from "zod";

const HEADERS: ReadonlyArray<readonly [RateKind, string]> = [
  ["requests", "requests"],
  ["tokens", "tokens"],
  ["inputTokens", "input-tokens"],
  ["outputTokens", "output-tokens"],
];

const Window = z.object({
  limit: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
  remaining: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
  reset: z.iso.datetime({ offset: true }),
});

const DAY_MS = 24 * 3_600_000;

/** As far as a spend limit of the month states one: a time further away, or none at all, is nothing to wait for. */
const FARTHEST_MS = 31 * DAY_MS;

export const isBelievable = (time: number, now: Date): boolean =>
  Math.abs(time - now.getTime()) <= FARTHEST_MS;

/**
 * A time of an answer by the clock here: it is read against the answer's own `date`, where it has one. Clocks that are
 * more than a day apart are no clocks to reckon by, and the time is taken as it stands.
 */
export const byOurClock = (time: number, headers: Headers, now: Date): number => {
  const ahead = Date.parse(headers.get("date") ?? "") - now.getTime();
  return Math.abs(ahead) <= DAY_MS ? time - ahead : time;
};

/** What `anthropic-ratelimit-*` headers say; a window whose three are not all well-formed and believable is left out. */
export const rateFacts = (headers: Headers, now: Date): RateFacts | undefined => {
  const windows = HEADERS.flatMap(([kind, name]) => {
    const of = (what: string) => headers.get(`anthropic-ratelimit-${name}-${what}`);
    const parsed = Window.safeParse({
      limit: of("limit"),
      remaining: of("remaining"),
      reset: of("reset"),
    });
    if (!parsed.success) return [];
    const { limit, remaining, reset } = parsed.data;
    const at = byOurClock(Date.parse(reset), headers, now);
    if (!isBelievable(at, now)) return [];
    return [[kind, { limit, remaining, resetAt: new Date(at).toISOString() }] as const];
  });
  return windows.length === 0 ? undefined : Object.fromEntries(windows);
};
