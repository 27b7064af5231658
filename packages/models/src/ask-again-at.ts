import type { FailureClass } from "@headrace/domain";
import type { ErrorFacts } from "./failure.ts";
import { byOurClock, isBelievable, rateFacts } from "./rate-facts.ts";

const DECIMAL = /^\d+(?:\.\d+)?$/;

/** `retry-after-ms`, else `retry-after` in seconds or as a date. */
const retryAfter = (headers: Headers, now: Date): number | undefined => {
  const exact = headers.get("retry-after-ms");
  if (exact !== null && DECIMAL.test(exact)) return now.getTime() + Math.ceil(Number(exact));
  const given = headers.get("retry-after") ?? "";
  if (DECIMAL.test(given)) return now.getTime() + Math.ceil(Number(given) * 1000);
  const date = /^[a-z]/i.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(now.getTime(), byOurClock(date, headers, now));
};

/** When the last of the windows that are used up is whole again. */
const reset = (headers: Headers, now: Date): number | undefined => {
  const resets = Object.values(rateFacts(headers, now) ?? {})
    .filter(({ remaining }) => remaining === 0)
    .map(({ resetAt }) => Date.parse(resetAt));
  return resets.length === 0 ? undefined : Math.max(...resets);
};

const STATED_DATE = /\b(\d{4}-\d{2}-\d{2})(?:(?:T| at | )(\d{2}:\d{2}(?::\d{2})?))?/g;

/** A date to come in the words of a spend limit, such as "regain access on 2026-12-01 at 00:00 UTC". */
const statedDate = (message: string, now: Date): number | undefined =>
  [...message.matchAll(STATED_DATE)]
    .map(([, day, time = "00:00"]) => Date.parse(`${day}T${time}Z`))
    .find((at) => at > now.getTime());

/** The cap of an API tier, which ends with the month (platform.claude.com, "Errors", November 2026). */
const TIER_CAP = "enforced_spend_limit_reached";

const nextMonth = (now: Date): number => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);

/**
 * When the provider says that it may be asked again (RFC 3339): not a moment earlier, and no later. What nobody can mean,
 * a time more than 31 days ahead, is as if it had not been said.
 */
export const askAgainAt = (
  failure: Pick<ErrorFacts, "code" | "message"> & { class: FailureClass },
  headers: Headers,
  now: Date,
): string | undefined => {
  const stated = [
    retryAfter(headers, now),
    failure.class === "rate" ? reset(headers, now) : undefined,
    failure.class === "credit" ? statedDate(failure.message, now) : undefined,
    failure.code === TIER_CAP ? nextMonth(now) : undefined,
  ];
  const at = stated.find((time) => time !== undefined && isBelievable(time, now));
  return at === undefined ? undefined : new Date(at).toISOString();
};
