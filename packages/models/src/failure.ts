import type { FailureClass } from "@headrace/domain";

/** What is known of a failed call, from the status line or from an `error` event inside the stream. */
export type ErrorFacts = {
  status?: number;
  type?: string;
  /** `error.details.error_code` */
  code?: string;
  message: string;
  /** the answer has no JSON: it is of whoever stands before the API */
  foreign?: boolean;
};

type Rule = {
  class: FailureClass;
  status?: readonly number[];
  /** the `error.type` of the body: all there is for an error inside a stream */
  type?: readonly string[];
  /** the code that alone tells the cause */
  code?: readonly string[];
  /** must also occur in the message */
  text?: RegExp;
  foreign?: true;
};

const BAD_REQUEST = { status: [400, 422], type: ["invalid_request_error"] } as const;

/** The failure table: the first rule that fits names the class. A rule fits by status, by type or by code. */
const FAILURE_RULES: readonly Rule[] = [
  {
    class: "credit",
    status: [402],
    type: ["billing_error"],
    // a cap of the month comes as a 429, too, which no waiting for a bucket mends
    code: ["enforced_spend_limit_reached", "contract_spend_limit_reached"],
  },
  // gateways in OpenAI's manner say it with a 429; "exceeded your quota" alone is a bucket's at some of them
  { class: "credit", type: ["insufficient_quota"], code: ["insufficient_quota"] },
  {
    class: "credit",
    status: [429],
    type: ["rate_limit_error"],
    text: /credit balance|insufficient[ _](?:credit|quota|funds)/i,
  },
  {
    class: "credit",
    status: [400, 403, 422],
    type: ["invalid_request_error"],
    text: /credit balance|usage limits?\b|spend(?:ing)? (?:cap|limit)|key limit (?:has been )?(?:exceeded|reached)|insufficient (?:credit|quota|funds)/i,
  },
  { class: "context", status: [413], type: ["request_too_large"] },
  {
    class: "context",
    ...BAD_REQUEST,
    text: /prompt is too long|too many (?:input )?tokens|context[ _](?:window|limit|length)/i,
  },
  // who is locked out is told so of each prompt, and no other fares better
  {
    class: "auth",
    status: [400, 403],
    type: ["invalid_request_error"],
    text: /\b(?:organi[sz]ation|account)\b.{0,60}\b(?:disabled|suspended)\b/i,
  },
  // as gateways answer that check the prompt themselves
  { class: "refusal", status: [403], text: /\bmoderation\b|\bflagged\b/i },
  // a firewall's page or a check for robots says nothing of the key
  { class: "server", status: [403], foreign: true },
  { class: "auth", status: [401, 403], type: ["authentication_error", "permission_error"] },
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

const has = <T>(listed: readonly T[] | undefined, value: T | undefined): boolean =>
  value !== undefined && listed?.includes(value) === true;

const fits = (rule: Rule, { status, type, code, message, foreign }: ErrorFacts): boolean =>
  (has(rule.status, status) || has(rule.type, type) || has(rule.code, code)) &&
  (rule.text?.test(message) ?? true) &&
  (rule.foreign === undefined || foreign === true);

/** The class of an error answer. A status the table does not name falls to its hundred. */
export const classify = (facts: ErrorFacts): FailureClass => {
  const rule = FAILURE_RULES.find((candidate) => fits(candidate, facts));
  if (rule !== undefined) return rule.class;
  return facts.status !== undefined && facts.status >= 400 && facts.status < 500
    ? "invalid"
    : "server";
};
