import { expect, test } from "vitest";
import { mergeAtRandom } from "../support/merge-corpus.ts";

/** In five parts, so that each can be run alone: `npx vitest run test/alone/merge-oracle.test.ts -t "part 3"`. */
test.each([1, 2, 3, 4, 5])(
  "part %i of five hundred merges: every move goes to a tree with its own receipt",
  async (part) => {
    const { rungs, ...seen } = await mergeAtRandom(1000 * part, 100);
    const counts = { part, ...seen, wrong: seen.wrong.length, ...rungs };
    process.stdout.write(`${JSON.stringify(counts)}\n`);
    expect(seen.wrong).toEqual([]);
    // it must have been hard
    const { foreign, again, returned, conflicts, batches } = seen;
    expect(Math.min(foreign, again, returned, conflicts, batches)).toBeGreaterThan(0);
    expect(seen.landed).toBeGreaterThanOrEqual(100);
  },
  1_200_000,
);
