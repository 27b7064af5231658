import { array, assert, constantFrom, property, record } from "fast-check";
import { expect, test } from "vitest";
import { survivingShares } from "./surviving.ts";

const changes = (added: string[], removed: string[] = []) => ({ added, removed });

test("an attempt's share is of the lines that it added itself, each as often as it stands in what landed", () => {
  const landed = changes(["a", "b", "b", "c"]);
  const shares = survivingShares(landed, [
    { attempt: 1, lines: changes(["a", "b", "b", "b", "x"]) },
  ]);
  expect(shares.get(1)).toEqual({ survived: 3, of: 5 });
});

test("a line that two attempts wrote is the last writer's", () => {
  const shares = survivingShares(changes(["a", "b"]), [
    { attempt: 1, lines: changes(["a", "b"]) },
    { attempt: 2, lines: changes(["b"], ["x"]) },
  ]);
  expect(Object.fromEntries(shares)).toEqual({
    1: { survived: 1, of: 2 },
    2: { survived: 1, of: 1 },
  });
});

test("an attempt that added nothing has the lines it took away", () => {
  const shares = survivingShares(changes(["a"], ["x", "y"]), [
    { attempt: 1, lines: changes(["a"], ["x"]) },
    { attempt: 2, lines: changes([], ["y", "z"]) },
    { attempt: 3, lines: changes([]) },
  ]);
  expect(Object.fromEntries(shares)).toEqual({
    1: { survived: 1, of: 1 },
    2: { survived: 1, of: 2 },
    3: { survived: 0, of: 0 },
  });
});

test("no more lines survive than landed, and of no attempt more than it wrote", () => {
  const lines = array(constantFrom("a", "b", "c", "d"), { maxLength: 8 });
  const change = record({ added: lines, removed: lines });
  return assert(
    property(change, array(change, { maxLength: 4 }), (landed, own) => {
      const attempts = own.map((one, at) => ({ attempt: at + 1, lines: one }));
      const shares = [...survivingShares(landed, attempts).values()];
      for (const { survived, of } of shares) expect(survived).toBeLessThanOrEqual(of);
      const survived = shares.reduce((sum, share) => sum + share.survived, 0);
      expect(survived).toBeLessThanOrEqual(landed.added.length + landed.removed.length);
    }),
  );
});
