import { expect, test } from "vitest";
import { mergeAtRandom } from "../support/merge-corpus.ts";

test("every move of the branch over forty merges, with a second merger, goes to a tree with its own receipt", async () => {
  const seen = await mergeAtRandom(1, 40);
  expect(seen.wrong).toEqual([]);
  // it must have been hard
  const { foreign, again, returned, conflicts, batches } = seen;
  expect(Math.min(foreign, again, returned, conflicts, batches)).toBeGreaterThan(0);
  expect(seen.landed).toBeGreaterThanOrEqual(40);
}, 300_000);
