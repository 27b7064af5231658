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

/** A time of an answer by the clock here: it is read against the answer's own `date`, where it has one. */
export const byOurClock = (time: number, headers: Headers, now: Date): number => {
  const answered = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(answered) ? time : now.getTime() + (time - answered);
};

/** What `anthropic-ratelimit-*` headers say; a window whose three are not all well-formed is left out. */
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
    const resetAt = new Date(byOurClock(Date.parse(reset), headers, now)).toISOString();
    return [[kind, { limit, remaining, resetAt }] as const];
  });
  return windows.length === 0 ? undefined : Object.fromEntries(windows);
};
