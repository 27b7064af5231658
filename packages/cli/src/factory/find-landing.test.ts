import { expect, it } from "vitest";
import { findLanding } from "./find-landing.ts";

const [A, B, C] = ["aaaa1".padEnd(40, "0"), "aaaa2".padEnd(40, "0"), "beef".padEnd(40, "1")];
const RUNS = [
  { run: "cafe", landings: [A ?? ""] },
  { run: "r2", landings: [B ?? "", C ?? ""] },
];

it.each([
  ["a run", "r2", { run: "r2" }],
  ["a run whose id reads like a commit's", "cafe", { run: "cafe" }],
  ["a landing", C, { run: "r2", commit: C }],
  ["the beginning of a landing", "aaaa1", { run: "cafe", commit: A }],
  ["the beginning of a landing in capitals", "BEEF1", { run: "r2", commit: C }],
])("finds %s", (_, target, found) => {
  expect(findLanding(RUNS, target ?? "")).toEqual(found);
});

it.each([
  ["less than git takes", "bee"],
  ["another commit", "1234567"],
  ["a branch", "headrace/r2/integration"],
  ["a run there is not", "r3"],
  ["nothing", ""],
])("does not find %s, and says where landings are listed", (_, target) => {
  expect(() => findLanding(RUNS, target)).toThrow(/there is no run and no landing.*\n.*review RUN/);
});

it("does not choose between landings that begin alike", () => {
  expect(() => findLanding(RUNS, "aaaa")).toThrow(
    /beginning of 2 landings\n.*of run cafe, .*of run r2/,
  );
});
