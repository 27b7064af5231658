import { expect, it } from "vitest";
import { formatReceiptTrailer, parseReceiptTrailer } from "./receipt-trailer.ts";

const envelope = "a".repeat(64);

it("is read as it was written, with an envelope and without one", () => {
  for (const trailer of [{ receipt: "rc1", envelope }, { receipt: "rc1" }])
    expect(parseReceiptTrailer(formatReceiptTrailer(trailer))).toEqual(trailer);
});

it.each([
  "",
  "rc1 sha256:",
  "rc1 sha256:abc",
  `rc1 md5:${envelope}`,
  "Rc 1",
  `rc1  sha256:${envelope}`,
])("is nothing else than it was written: %j", (text) => {
  expect(parseReceiptTrailer(text)).toBeUndefined();
});
