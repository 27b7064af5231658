import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatUsd, fromUsd, MAX_USD, toUsd } from "./money.ts";

describe("dollars to pico-dollars", () => {
  test.each([
    [0, 0],
    [1, 1_000_000_000_000],
    // what 0.1 * 1e12 and 4.35 * 1e12 would make of them is not this
    [0.1, 100_000_000_000],
    [4.35, 4_350_000_000_000],
    [1.005, 1_005_000_000_000],
    [0.07, 70_000_000_000],
    [20, 20_000_000_000_000],
    [MAX_USD, 9_000_000_000_000_000],
    [999.123456789012, 999_123_456_789_012],
    // numbers that are written with an exponent
    [1e-7, 100_000],
    [5e-12, 5],
    [2.5e-9, 2500],
  ])("%d is %d", (usd, pico) => {
    expect(fromUsd(usd)).toBe(pico);
  });

  test.each([
    [1e-13, 1],
    [1.0000000000001, 1_000_000_000_001],
    [0.0000000000015, 2],
  ])("%d has a rest, and is rounded up to %d", (usd, pico) => {
    expect(fromUsd(usd)).toBe(pico);
  });

  test.each([-1, 1e12, Number.NaN, Number.POSITIVE_INFINITY, 9008])("%d is no amount", (usd) => {
    expect(() => fromUsd(usd)).toThrow();
  });

  test("are read by their digits, whatever they are", () => {
    const amount = fc.tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: 0, max: 999_999 }));
    fc.assert(
      fc.property(amount, ([whole, micros]) => {
        const usd = Number(`${whole}.${String(micros).padStart(6, "0")}`);
        expect(BigInt(fromUsd(usd))).toBe(BigInt(whole) * 10n ** 12n + BigInt(micros) * 10n ** 6n);
        expect(toUsd(fromUsd(usd))).toBe(usd);
      }),
    );
  });
});

test.each([
  [0, "$0.00"],
  [1, "$0.0000"],
  [1_230_000_000, "$0.0012"],
  [99_900_000_000, "$0.0999"],
  [100_000_000_000, "$0.10"],
  [1_234_567_890_123, "$1.23"],
])("%d pico-dollars are shown as %s", (pico, shown) => {
  expect(formatUsd(pico)).toBe(shown);
});
