import { describe, expect, test } from "vitest";
import { classify } from "./failure.ts";

describe("a failure is classed by the table", () => {
  test.each([
    [400, "invalid_request_error", "messages.0: field required", "invalid"],
    [422, undefined, "unprocessable", "invalid"],
    [400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", "context"],
    [400, undefined, "This endpoint's maximum context length is 200000 tokens", "context"],
    [413, "request_too_large", "Request exceeds the maximum size", "context"],
    [401, "authentication_error", "invalid x-api-key", "auth"],
    [401, undefined, "Unauthorized", "auth"],
    [403, "permission_error", "not allowed", "auth"],
    [403, undefined, "You do not have access to this model", "auth"],
    [403, undefined, "Key limit exceeded (daily limit). Manage it at the settings.", "credit"],
    [403, undefined, "Key limit exceeded (total limit)", "credit"],
    [403, "permission_error", "The key limit has been reached", "credit"],
    [402, undefined, "Insufficient credits", "credit"],
    [403, "billing_error", "billing is on hold", "credit"],
    [400, "invalid_request_error", "Your credit balance is too low to access the API.", "credit"],
    [400, "invalid_request_error", "You have reached your specified API usage limits.", "credit"],
    [400, "invalid_request_error", "This workspace is at its spend limit", "credit"],
    [400, "invalid_request_error", "This organization has been disabled.", "auth"],
    [403, undefined, "Your account is suspended. Contact support.", "auth"],
    [400, undefined, "Account suspended: insufficient funds", "credit"],
    [400, "invalid_request_error", "max_tokens: 64000 > 32000, which is the maximum", "invalid"],
    [404, "not_found_error", "model: claude-opus-1", "gone"],
    [429, "rate_limit_error", "This would exceed your limit", "rate"],
    [429, "insufficient_quota", "You exceeded your current quota", "credit"],
    [429, undefined, "insufficient_quota: check your plan and billing details", "credit"],
    [429, "rate_limit_error", "Insufficient credits", "credit"],
    [429, undefined, "You exceeded your current quota, retry in 12 s", "rate"],
    [403, undefined, "Your input was flagged by moderation", "refusal"],
    [529, "overloaded_error", "Overloaded", "overload"],
    [503, undefined, "Service Unavailable", "overload"],
    ...[500, 502, 504, 524, 408, 409].map((status) => [status, undefined, "?", "server"] as const),
    [507, undefined, "unheard of", "server"],
    [418, undefined, "a teapot", "invalid"],
    [undefined, "overloaded_error", "Overloaded", "overload"],
    [undefined, "api_error", "Internal server error", "server"],
    [undefined, "rate_limit_error", "slow down", "rate"],
    [undefined, "unheard_of", "?", "server"],
  ] as const)("%s %s %j is %s", (status, type, message, expected) => {
    const facts = {
      message,
      ...(status === undefined ? {} : { status }),
      ...(type === undefined ? {} : { type }),
    };
    expect(classify(facts)).toBe(expected);
  });

  test("a 403 that is no JSON is of whoever stands before the API, but for what it says of money", () => {
    const page = { status: 403, foreign: true };
    expect(classify({ ...page, message: "<title>Just a moment...</title>" })).toBe("server");
    expect(classify({ ...page, message: "Insufficient credits" })).toBe("credit");
  });

  test.each([
    ["ramp_limit_exceeded", "rate"],
    ["enforced_spend_limit_reached", "credit"],
    ["contract_spend_limit_reached", "credit"],
  ] as const)("a 429 with the code %s is %s", (code, expected) => {
    expect(classify({ status: 429, type: "rate_limit_error", code, message: "?" })).toBe(expected);
  });
});
