import type { FailureClass } from "@headrace/domain";

/** What is known of a failed call, from the status line or from an `error` event inside the stream. */
export type ErrorFacts = { status?: number; type?: string; message: string };

type Rule = {
  class: FailureClass;
  status?: readonly number[];
  /** the `error.type` of the body: all there is for an error inside a stream */
  type?: readonly string[];
  /** must also occur in the message */
  text?: RegExp;
};

const BAD_REQUEST = { status: [400, 422], type: ["invalid_request_error"] } as const;

/** The failure table: the first rule that fits names the class. A rule fits by status or by type. */
const FAILURE_RULES: readonly Rule[] = [
  { class: "credit", status: [402], type: ["billing_error"] },
  {
    class: "credit",
    status: [400, 403, 422],
    type: ["invalid_request_error"],
    text: /credit balance|usage limits?\b|spend(?:ing)? (?:cap|limit)|insufficient (?:credit|quota|funds)/i,
  },
  { class: "context", status: [413], type: ["request_too_large"] },
  {
    class: "context",
    ...BAD_REQUEST,
    text: /prompt is too long|too many (?:input )?tokens|context[ _](?:window|limit|length)/i,
  },
  {
    class: "auth",
    status: [401, 403],
    type: ["authentication_error", "permission_error"],
  },
  { class: "gone", status: [404], type: ["not_found_error"] },
  { class: "rate", status: [429], type: ["rate_limit_error"] },
  { class: "overload", status: [503, 529], type: ["overloaded_error"] },
  {
    class: "server",
    status: [408, 409, 500, 502, 504, 524],
    type: ["api_error", "timeout_error"],
  },
  { class: "invalid", ...BAD_REQUEST },
];

const fits = (rule: Rule, { status, type, message }: ErrorFacts): boolean =>
  ((status !== undefined && rule.status?.includes(status) === true) ||
    (type !== undefined && rule.type?.includes(type) === true)) &&
  (rule.text?.test(message) ?? true);

/** The class of an error answer. A status the table does not name falls to its hundred. */
export const classify = (facts: ErrorFacts): FailureClass => {
  const rule = FAILURE_RULES.find((candidate) => fits(candidate, facts));
  if (rule !== undefined) return rule.class;
  return facts.status !== undefined && facts.status >= 400 && facts.status < 500
    ? "invalid"
    : "server";
};

/**
 * How long the provider asks to wait: `retry-after-ms`, else `retry-after` in seconds or as a date, which
 * is read against the answer's own `date` so that a wrong clock here does not matter.
 */
export const retryAfterMs = (headers: Headers, now: number): number | undefined => {
  const exact = headers.get("retry-after-ms");
  if (exact !== null && /^\d+(?:\.\d+)?$/.test(exact)) return Math.ceil(Number(exact));
  const given = headers.get("retry-after");
  if (given === null) return undefined;
  if (/^\d+(?:\.\d+)?$/.test(given)) return Math.ceil(Number(given) * 1000);
  const until = /^[a-z]/i.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const answered = Date.parse(headers.get("date") ?? "");
  return Math.max(0, until - (Number.isNaN(answered) ? now : answered));
};
