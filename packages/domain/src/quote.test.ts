import { expect, test } from "vitest";
import { findQuote, quoteWeight } from "./quote.ts";

const SPEC = [
  "# Money",
  "",
  "The tool prints",
  "  the   total of all",
  "amounts.",
  "",
  "Café prices.",
].join("\n");

test.each([
  ["prints the total", { from: 3, to: 4 }],
  ["The tool prints the total of all amounts.", { from: 3, to: 5 }],
  ["  # Money ", { from: 1, to: 1 }],
  ["amounts.\n\nCafé", { from: 5, to: 7 }],
  ["Cafe\u0301 prices", { from: 7, to: 7 }],
])("%j stands in the spec", (quote, span) => {
  expect(findQuote(SPEC, quote)).toEqual(span);
});

test.each(["the tool prints", "prints total", "", " \n ", "printsthe total"])(
  "%j does not stand in the spec",
  (quote) => {
    expect(findQuote(SPEC, quote)).toBeUndefined();
  },
);

test("a quote weighs its letters and digits of any script", () => {
  expect(quoteWeight("a+b = {};")).toBe(2);
  expect(quoteWeight("合計 1")).toBe(3);
});
