import { describe, expect, test } from "vitest";
import { droppedAdditions } from "./dropped-additions.ts";

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join("");
const numbers = (seed: number) => {
  let state = seed;
  return (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % n;
  };
};

const base = text("import { a } from './a';", "", "run(a);");
const ours = text("import { a } from './a';", "import { b } from './b';", "", "run(a);", "run(b);");
const theirs = text("import { a } from './a';", "import { c } from './c';", "", "run(a, c);");

describe("a resolution has lost nothing that landed", () => {
  test.each([
    ["keeps both", text("import { b } from './b';", "import { c } from './c';", "run(b);")],
    ["is what landed", ours],
    ["indents it otherwise", ours.replace("run(b)", "  run(b)")],
    [
      "writes lines that hold both",
      text("import { b, c } from './bc';", "run(a, c, b);", "const all = [b];"),
    ],
  ])("when it %s", (_, resolution) => {
    expect(droppedAdditions({ base, ours, theirs, resolution })).toEqual([]);
  });

  test("when two edits of one line are one line that has words of both", () => {
    const sides = {
      base: text("empty"),
      ours: text("left was here"),
      theirs: text("right was here"),
    };
    expect(droppedAdditions({ ...sides, resolution: text("left and right") })).toEqual([]);
    expect(droppedAdditions({ ...sides, resolution: text("right and only right") })).toEqual([
      "left was here",
    ]);
  });

  test("when a landed line goes by the name that the change gave a thing", () => {
    const sides = {
      base: text("const old = 1;"),
      ours: text("const old = 1;", "use(old);"),
      theirs: text("const fresh = 1;"),
    };
    const renamed = text("const fresh = 1;", "use(fresh);");
    expect(droppedAdditions({ ...sides, resolution: renamed })).toEqual([]);
    expect(droppedAdditions({ ...sides, resolution: text("const fresh = 1;") })).toEqual([
      "use(old);",
    ]);
  });

  test("when the copies that are missing are those the change took away", () => {
    const sides = { base: text("x", "x"), ours: text("x", "x", "x"), theirs: text("y") };
    expect(droppedAdditions({ ...sides, resolution: text("x", "y") })).toEqual([]);
    expect(droppedAdditions({ ...sides, resolution: text("y") })).toEqual(["x"]);
  });
});

describe("a resolution that drops what landed", () => {
  test("is told each line", () => {
    expect(droppedAdditions({ base, ours, theirs, resolution: theirs })).toEqual([
      "import { b } from './b';",
      "run(b);",
    ]);
  });

  test("is not saved by words it only took over from the change", () => {
    const copied = theirs.replace("run(a, c);", "b();");
    const sides = { base, ours, theirs: text(copied, "b();") };
    expect(droppedAdditions({ ...sides, resolution: sides.theirs })).not.toEqual([]);
  });

  test("is not saved by a new line that has nothing to do with it", () => {
    const sides = {
      base: text("f(x) {", "  if (x) return null;", "  return x;"),
      ours: text("f(x) {", "  if (x) return null;", "  if (x === null) return x;", "  return x;"),
      theirs: text("f(x, y) {", "  if (x) return null;", "  return x + y;"),
    };
    const noted = sides.theirs.replace("return null;", "return null; // keep");
    for (const resolution of [noted, `${sides.theirs}// keep\n`])
      expect(droppedAdditions({ ...sides, resolution })).toEqual(["if (x === null) return x;"]);
  });

  test("is not saved by its words here and there in new lines", () => {
    const landed = "limit(left, right);";
    const sides = { base: text("a"), ours: text("a", landed), theirs: text("b") };
    const scattered = text("b", "// left is", "// no limit", "// right?");
    expect(droppedAdditions({ ...sides, resolution: scattered })).toEqual([landed]);
  });

  test("is seen when the file is gone, too", () => {
    expect(droppedAdditions({ base, ours, theirs, resolution: "" })).toHaveLength(2);
  });
});

test("of generated merges none that holds every landed line is refused, and each that lacks one is", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const next = numbers(seed);
    const lines = Array.from({ length: 5 + next(20) }, (_, i) =>
      next(4) === 0 ? "}" : `line ${i % 7}`,
    );
    /** Lines go, come and change; every new one is told apart by its side. */
    const edited = (side: string) => {
      const result = [...lines];
      for (let n = 1 + next(5); n > 0; n -= 1) {
        const at = next(result.length + 1);
        const kind = next(3);
        if (kind === 0) result.splice(at, 1);
        else result.splice(at, kind - 1, `${side} wrote ${side}${n} here`);
      }
      return result;
    };
    const [mine, other] = [edited("ours"), edited("theirs")];
    const sides = { base: text(...lines), ours: text(...mine), theirs: text(...other) };
    const added = mine.filter((line) => line.startsWith("ours"));
    const whole = [...other, ...mine];
    expect([seed, droppedAdditions({ ...sides, resolution: text(...whole) })]).toEqual([seed, []]);
    expect([seed, droppedAdditions({ ...sides, resolution: sides.ours })]).toEqual([seed, []]);
    for (const gone of added) {
      const without = text(...whole.filter((line) => line !== gone));
      expect([seed, droppedAdditions({ ...sides, resolution: without })]).toEqual([seed, [gone]]);
    }
    expect([seed, droppedAdditions({ ...sides, resolution: sides.theirs })]).toEqual([
      seed,
      [...new Set(added)],
    ]);
  }
});

type Line = { base: string[]; landed: string; change: string[]; written: string[]; lost: boolean };

/** A landed line of some kind, and what a resolver may make of it: each with whether the line is lost by that. */
const kinds: Array<
  (i: number) => Omit<Line, "written" | "lost"> & { made: [string[], boolean][] }
> = [
  // words of its own
  (i) => ({
    ...{ base: ["let it be"], landed: `let a${i} = b${i};`, change: [`let c${i} = 1;`] },
    made: [
      [[`    let a${i} = b${i};`], false],
      [[`let [b${i}, c${i}, a${i}] = all;`], false],
      [[`a${i} stands beside b${i}`], false],
      [[], true],
      [[`let a${i} = 1;`], true],
      [[`let a${i};`, `let b${i};`], true],
      [["// keep"], true],
    ],
  }),
  // words that were all there before
  (i) => ({
    ...{
      base: [`z${i} x${i} y${i}`],
      landed: `x${i}(y${i}, z${i})`,
      change: [`z${i} x${i} y${i}`],
    },
    made: [
      [[`x${i}(y${i}, z${i})`], false],
      [[`x${i}(y${i}, w${i}, z${i}) // noted`], false],
      [[], true],
      [[`z${i}, y${i}, x${i}`], true],
      [[`// x${i}`, `// y${i}`, `// z${i}`], true],
      [["// keep"], true],
    ],
  }),
  // one of them renamed by the change
  (i) => ({
    ...{
      base: [`z${i} x${i} y${i}`],
      landed: `x${i}(y${i}, z${i})`,
      change: [`z${i} x${i} q${i}`],
    },
    made: [
      [[`x${i}(q${i}, z${i})`], false],
      [[`x${i}(q${i})`], true],
      [["// keep"], true],
    ],
  }),
  // all of them taken out by the change
  (i) => ({
    ...{ base: [`z${i} x${i} y${i}`], landed: `x${i}(y${i}, z${i})`, change: [] },
    made: [
      [[`x${i}(y${i}, z${i})`], false],
      [["// keep"], true],
      [[], true],
    ],
  }),
];

const kindAt = (at: number) => {
  const kind = kinds[at];
  if (kind === undefined) throw new Error(`there is no kind ${at}`);
  return kind;
};

test("of generated resolutions that join, reword and drop landed lines, exactly the lost ones are named", () => {
  const tried = new Set<string>();
  for (let seed = 1; seed <= 500; seed += 1) {
    const next = numbers(seed);
    const lines = Array.from({ length: 1 + next(6) }, (_, i): Line => {
      const at = next(kinds.length);
      const { made, ...line } = kindAt(at)(i);
      const how = next(made.length);
      const [written, lost] = made[how] ?? [[], true];
      tried.add(`${at} ${how}`);
      return { ...line, written, lost };
    });
    const all = (of: (line: Line) => string[]) => text(...lines.flatMap(of));
    const sides = {
      base: all((l) => l.base),
      ours: all((l) => [...l.base, l.landed]),
      theirs: all((l) => l.change),
      resolution: all((l) => [...l.change, ...l.written]),
    };
    const lost = lines.filter((l) => l.lost).map((l) => l.landed);
    expect([seed, droppedAdditions(sides)]).toEqual([seed, lost]);
  }
  expect(tried.size).toBe(kinds.reduce((sum, kind) => sum + kind(0).made.length, 0));
});
