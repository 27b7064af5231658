import { expect, test } from "vitest";
import { formatUserId, parseUserId } from "./user-id.ts";

const id = {
  run: "r7-money",
  subject: "t2-parser",
  role: "coder",
  attempt: 2,
  conversation: 1,
} as const;

test("a user id survives the wire", () => {
  expect(formatUserId(id)).toBe("hr1.r7-money.t2-parser.coder.2.1");
  expect(parseUserId(formatUserId(id))).toEqual(id);
});

test.each([
  "",
  "someone",
  "hr2.r7.t2.coder.1.1",
  "hr1.r7.t2.coder.1",
  "hr1.r7.t2.coder.1.1.1",
  "hr1.r7.t2.butler.1.1",
  "hr1.R7.t2.coder.1.1",
  "hr1.r7.t2.coder.0.1",
  "hr1.r7.t2.coder.01.1",
  "hr1.r7.../x.coder.1.1",
])("%j is not a user id of the factory", (text) => {
  expect(parseUserId(text)).toBeUndefined();
});
