import { expect, test } from "vitest";
import { mergeAtRandom } from "../support/merge-corpus.ts";

test("every move of the branch over twenty merges, with a second merger, goes to a tree with its own receipt", async () => {
  const seen = await mergeAtRandom(1, 20);
  expect(seen.wrong).toEqual([]);
  // it must have been hard
  const { foreign, again, returned, conflicts, batches } = seen;
  expect(Math.min(foreign, again, returned, conflicts, batches)).toBeGreaterThan(0);
  expect(seen.landed).toBeGreaterThanOrEqual(20);
}, 300_000);
