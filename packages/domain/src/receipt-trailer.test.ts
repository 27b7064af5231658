import { expect, it } from "vitest";
import { formatReceiptTrailer, parseReceiptTrailer } from "./receipt-trailer.ts";

const envelope = "a".repeat(64);
const part = { index: 2, of: 5 };

it("is read as it was written, whatever of it there is", () => {
  for (const more of [{}, { part }, { envelope }, { part, envelope }]) {
    const trailer = { receipt: "rc1", ...more };
    expect(parseReceiptTrailer(formatReceiptTrailer(trailer))).toEqual(trailer);
  }
  expect(formatReceiptTrailer({ receipt: "rc1", part })).toBe("rc1#2/5");
});

it.each([
  "",
  "rc1 sha256:",
  "rc1 sha256:abc",
  `rc1 md5:${envelope}`,
  "Rc 1",
  `rc1  sha256:${envelope}`,
  "rc1#0/5",
  "rc1#2",
  `rc1 sha256:${envelope} rc2`,
])("is nothing else than it was written: %j", (text) => {
  expect(parseReceiptTrailer(text)).toBeUndefined();
});
