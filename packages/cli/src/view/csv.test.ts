import { expect, test } from "vitest";
import { csvLines } from "./csv.ts";

test("fields are quoted as RFC 4180 has it, and what is absent is empty", () => {
  const rows = [{ a: 'say "no"', b: "one,two", c: 1 }, { a: "two\nlines", b: "", c: true }, {}];
  expect(csvLines(["a", "b", "c"], rows)).toEqual([
    "a,b,c\r",
    '"say ""no""","one,two",1\r',
    '"two\nlines",,true\r',
    ",,\r",
  ]);
});

test.each(["=1+1", "+1", "-1", "@sum(a)", "\tx", "\rx"])("%j is no formula", (text) => {
  const [, row = ""] = csvLines(["a"], [{ a: text }]);
  expect(row.replace(/^"/, "")).toMatch(/^'/);
});

test("a number is a number, also a negative one", () => {
  expect(csvLines(["a"], [{ a: -1 }])[1]).toBe("-1\r");
});
