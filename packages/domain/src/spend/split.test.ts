import { array, assert, integer, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { splitExactly } from "./split.ts";

test.each([
  [10, [1, 1, 1], [4, 3, 3]],
  [10, [1, 2], [3, 7]],
  [0, [1, 2], [0, 0]],
  [7, [0, 0], [7, 0]],
  [5, [0, 3], [0, 5]],
  [Number.MAX_SAFE_INTEGER, [1, 1], [4503599627370496, 4503599627370495]],
])("%i by %j is %j", (amount, weights, parts) => {
  expect(splitExactly(amount, weights)).toEqual(parts);
});

test("parts add up to the amount, none is more than one off its share, and equal weights differ by one at most", () => {
  const amounts = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const weights = array(nat(1_000_000), { minLength: 1, maxLength: 6 });
  return assert(
    property(amounts, weights, (amount, given) => {
      const parts = splitExactly(amount, given);
      expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(amount));
      const total = given.reduce((sum, weight) => sum + BigInt(weight), 0n);
      for (const [at, part] of parts.entries()) {
        const off = BigInt(part) * total - BigInt(amount) * BigInt(given[at] ?? 0);
        expect(total === 0n || (off < total && -off < total)).toBe(true);
      }
    }),
  );
});
