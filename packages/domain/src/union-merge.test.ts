import { describe, expect, test } from "vitest";
import { unionMerge } from "./union-merge.ts";

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join("");

/** Numbers from 0 up to `n`, the same for the same seed. */
const numbers = (seed: number) => {
  let state = seed;
  return (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % n;
  };
};

describe("a list to which two sides only added", () => {
  test("keeps both sides' lines in the place they were added, ours first", () => {
    const base = text("# Changes", "", "- old");
    const ours = text("# Changes", "", "- ours", "- old");
    const theirs = text("# Changes", "", "- theirs 1", "- theirs 2", "- old", "- at the end");
    expect(unionMerge(base, ours, theirs)).toBe(
      text("# Changes", "", "- ours", "- theirs 1", "- theirs 2", "- old", "- at the end"),
    );
  });

  test("holds once what both added in one place", () => {
    expect(unionMerge(text("a"), text("a", "b"), text("a", "b"))).toBe(text("a", "b"));
  });

  test("may begin empty, and may lack the end of its last line", () => {
    expect(unionMerge("", "a", "b")).toBe("a\nb");
    expect(unionMerge("", "", "")).toBe("");
    expect(unionMerge("a", "a\nb", "a\nc\n")).toBe("a\nb\nc\n");
  });

  test.each([
    ["removed a line", text("a"), text("a", "b", "c")],
    ["changed a line", text("a", "B"), text("a", "b", "c")],
    ["moved a line", text("b", "a"), text("a", "b", "c")],
  ])("is left to others where one side %s", (_, ours, theirs) => {
    expect(unionMerge(text("a", "b"), ours, theirs)).toBeUndefined();
    expect(unionMerge(text("a", "b"), theirs, ours)).toBeUndefined();
  });

  test("loses no line and invents none, whatever is added where, also among lines that repeat", () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const next = numbers(seed);
      const base = Array.from({ length: next(8) }, () => ["", "}", "x", "y"][next(4)] ?? "");
      const grown = (name: string) => {
        const lines = [...base];
        for (let n = next(4); n > 0; n -= 1)
          lines.splice(next(lines.length + 1), 0, next(3) === 0 ? "}" : `${name}${n}`);
        return lines;
      };
      const [ours, theirs] = [grown("o"), grown("t")];
      const merged = unionMerge(text(...base), text(...ours), text(...theirs));
      const lines = (merged ?? "").split("\n").slice(0, -1);
      for (const side of [base, ours, theirs]) {
        let at = 0;
        for (const line of lines) if (line === side[at]) at += 1;
        expect([seed, at]).toEqual([seed, side.length]);
      }
      expect(lines.length).toBeLessThanOrEqual(ours.length + theirs.length - base.length);
    }
  });
});
