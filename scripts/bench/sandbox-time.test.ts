import { expect, it } from "vitest";
import { unionOf } from "./sandbox-time.ts";

it.each([
  ["nothing", [], 0],
  ["one interval", [[10, 15]], 5],
  [
    "intervals apart",
    [
      [20, 22],
      [10, 15],
    ],
    7,
  ],
  [
    "intervals that overlap",
    [
      [10, 15],
      [12, 20],
    ],
    10,
  ],
  [
    "an interval inside another, and one that touches it",
    [
      [10, 20],
      [12, 14],
      [20, 21],
    ],
    11,
  ],
] satisfies [string, [number, number][], number][])("counts no moment of %s twice", (_, of, ms) => {
  expect(unionOf(of)).toBe(ms);
});
