import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { leftOut } from "../../../../test/support/needs.ts";
import { chooseMutants, mutantsOf } from "./mutants-of.ts";
import { parseFile } from "./syntax-tree.ts";

/** Each mutant as a person would say it, with the first line that differs. */
const told = (path: string, after: string, before?: string): string[] =>
  mutantsOf({ path, before, after }).map(({ functionName, what, text }) => {
    const lines = text.split("\n");
    const at = after.split("\n").findIndex((line, i) => line !== lines[i]);
    return `${functionName} ${what}: ${lines[at]?.trim()}`;
  });

const kindsOf = (path: string, after: string, before?: string): string[] =>
  mutantsOf({ path, before, after }).map(({ functionName, kind }) => `${functionName} ${kind}`);

const TYPED = `type Item = { id: number; tags: string[] };
const LIMIT = 3;
/** Sums. */
export function add(a: number, b: number): number {
  return a + b * 2;
}
export const isLarge = (count: number) => count > LIMIT;
export class Box {
  #items: Item[] = [];
  get size() {
    return this.#items.length;
  }
  set first(item: Item) {
    this.#items[0] = item;
  }
  async load(read: () => Promise<Item[]>): Promise<void> {
    this.#items = (await read()).filter(({ id }) => id >= 0);
  }
  *ids(): Generator<number, string> {
    for (const { id } of this.#items) yield id;
    return "done";
  }
  find(id: number | undefined): Item | undefined {
    if (id === undefined) return undefined;
    const at = this.#items.findIndex((item) => item.id === id);
    return this.#items[at];
  }
}
export const assertItem: (value: unknown) => asserts value is Item = (value) => {
  if (typeof value !== "object") throw new Error("none");
};
export const fail = (): never => {
  throw new Error("always");
};
`;

describe("of TypeScript", () => {
  test("each function becomes one that does something else", () => {
    expect(told("src/a.ts", TYPED).slice(0, 6)).toEqual([
      "add returns 0: export function add(a: number, b: number): number {; if (1) return 0 as never;",
      'add throws an error: export function add(a: number, b: number): number {; if (1) throw new Error("mutant");',
      "add has / for * in line 5: return a + b / 2;",
      "isLarge returns true: export const isLarge = (count: number) => { if (1) return true as never; return count > LIMIT; };",
      'isLarge throws an error: export const isLarge = (count: number) => { if (1) throw new Error("mutant"); return count > LIMIT; };',
      "isLarge has a condition of line 7 the other way round: export const isLarge = (count: number) => !(count > LIMIT);",
    ]);
    expect(kindsOf("src/a.ts", TYPED).slice(6)).toEqual([
      ...["size constant", "size throws", "first empty", "first throws"],
      ...["load empty", "load throws", "load negated", "ids empty", "ids throws"],
      ...["find constant", "find throws", "find negated"],
      ...["assertItem empty", "assertItem throws", "fail empty"],
    ]);
  });

  test("all pass a strict type check, as only a test should tell them", async () => {
    const dir = await mkdtemp(join(tmpdir(), "headrace-mutants-"));
    const mutants = mutantsOf({ path: "a.ts", after: TYPED });
    await Promise.all(mutants.map(({ text }, i) => writeFile(join(dir, `${i}.ts`), text)));
    const tsc = fileURLToPath(new URL("../../../../node_modules/.bin/tsc", import.meta.url));
    const strict = "--strict --noEmit --target es2022 --noUnusedLocals --noUnusedParameters";
    const files = mutants.map((_, i) => `${i}.ts`);
    const options = [...strict.split(" "), "--noImplicitReturns", "--types", "", ...files];
    const { stdout, status } = spawnSync(tsc, options, { cwd: dir, encoding: "utf8" });
    await rm(dir, { recursive: true });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });

  test("all parse, whatever functions this package itself is made of", async () => {
    const here = fileURLToPath(new URL("..", import.meta.url));
    const names = (await readdir(here)).filter((name) => name.endsWith(".ts"));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const all = mutantsOf({ path: name, after: await readFile(join(here, name), "utf8") });
      const broken = all.filter(({ text }) => parseFile(name, text) === undefined);
      expect(broken.map(({ functionName, kind }) => `${name} ${functionName} ${kind}`)).toEqual([]);
    }
  });
});

describe("of JavaScript", () => {
  test.each([
    ["a flag", "() => { if (bad()) return false; return true; }", "returns true"],
    ["the same flag always", "() => { if (bad()) return true; return f(); }", "returns false"],
    ["a number, which may be 0", "() => (empty() ? 0 : a - b)", "returns 0"],
    ["always 0", "() => 0", "returns 1"],
    ["text", "() => `a` + b", 'returns ""'],
    ["a list", "() => [a, ...b]", "returns []"],
    ["an object", "async () => ({ a })", "returns null"],
    ["what its text does not tell", "() => compute()", "returns null"],
    ["nothing", "() => { save(); }", "does nothing"],
    [
      "what a callback in it returns not at all",
      "() => { xs.map(() => { return 1; }); }",
      "does nothing",
    ],
  ])("what returns %s returns another constant", (_, code, what) => {
    const [first] = mutantsOf({ path: "a.js", after: `const f = ${code};` });
    expect(first?.what).toBe(what);
  });

  test("do what they say when they run", () => {
    const after = `function price(count, each) {
  "use strict" // stays the first
  if (count > 10) return count * each - 1
  return this === undefined ? count * each : "sloppy"
}`;
    const run = (text: string): unknown => {
      try {
        return runInNewContext(`${text}; [price(20, 2), price(1, 2)].join()`);
      } catch (error) {
        return String(error);
      }
    };
    const mutants = mutantsOf({ path: "a.cjs", after });
    expect([run(after), ...mutants.map(({ kind, text }) => `${kind}: ${run(text)}`)]).toEqual([
      "39,2",
      "constant: 0,0",
      "throws: Error: mutant",
      "negated: 40,1",
      "arithmetic: 41,2",
    ]);
  });

  test("are made of JSX, of decorated classes, and of callbacks that stand alone", () => {
    expect(told("a.jsx", "export const A = ({ b }) => <p>{b}</p>;")[0]).toBe(
      "A returns null: export const A = ({ b }) => { if (1) return null; return <p>{b}</p>; };",
    );
    expect(kindsOf("a.ts", "@d() class A { @e() m(@p() a: B) { return a; } }")).toEqual([
      "m constant",
      "m throws",
    ]);
    expect(told("a.js", 'app.get("/", (req, res) => { res.send(1); });')[0]).toMatch(
      /^\(anonymous\) does nothing: /,
    );
  });

  test("leave conditions and sums of loops alone, which might never end", () => {
    const loops =
      "function f(n) { while (n > 1) { n = n - 1; } for (let i = 0; i < n; i++) g(i); }";
    expect(kindsOf("a.js", loops)).toEqual(["f empty", "f throws"]);
  });

  test("swap no plus that may join text", () => {
    expect(kindsOf("a.js", 'const f = (a, b) => a + " " + b + g(a + b);')).not.toContain(
      "f arithmetic",
    );
    expect(told("a.js", "const f = (a) => a + 1;").at(-1)).toBe(
      "f has - for + in line 1: const f = (a) => a - 1;",
    );
  });
});

const PYTHON = `import asyncio

@decorated
def add(a: int, b: int = (1)) -> int:
    """Sums: def not_me():

    return 0
    """
    return a + b * 2  # a comment: with a colon

def one_line(a): return a == 1

class Box:
    def __init__(self, items=None):
        self.items = items or []

    def pairs(self):
        def pair(a):
            return [a, a]
        for item in self.items:
            if item and \\
                    item > 2:  # both
                yield pair(item)

    async def stream(self, text='def f(:'):
        async for item in self.items:
            if (n := item) is not None:
                yield f"{n}: {text}"

    def later(self):
        raise NotImplementedError

def tabbed():
\tif deep: # tabs, and a bracket with less of them
\t\treturn (
  1 - 1
)

def stub(): ...

def joined(names):
    if not names: return ""
    elif len(names) == 1: return names[0]
    return ", ".join(names) + f"{names}" + "%s" % names
`;

describe("of Python", () => {
  test("each function that does something becomes one that does something else", () => {
    expect(told("a.py", PYTHON)).toEqual([
      "add returns 0: return 0",
      'add raises an error: raise RuntimeError("mutant")',
      "add has / for * in line 9: return a + b / 2  # a comment: with a colon",
      "one_line returns True: def one_line(a): return True; return a == 1",
      'one_line raises an error: def one_line(a): raise RuntimeError("mutant"); return a == 1',
      "one_line has a condition of line 11 the other way round: def one_line(a): return not (a == 1)",
      "__init__ does nothing: return",
      '__init__ raises an error: raise RuntimeError("mutant")',
      "pairs does nothing: return",
      'pairs raises an error: raise RuntimeError("mutant")',
      "pairs has a condition of line 21 the other way round: if not (item and \\",
      "pair returns []: return []",
      'pair raises an error: raise RuntimeError("mutant")',
      "stream does nothing: return",
      'stream raises an error: raise RuntimeError("mutant")',
      "stream has a condition of line 27 the other way round: if not ((n := item) is not None):",
      "tabbed returns None: return None",
      'tabbed raises an error: raise RuntimeError("mutant")',
      "tabbed has a condition of line 34 the other way round: if not (deep): # tabs, and a bracket with less of them",
      "tabbed has + for - in line 36: 1 + 1",
      'joined returns "mutant": return "mutant"',
      'joined raises an error: raise RuntimeError("mutant")',
      "joined has a condition of line 43 the other way round: elif not (len(names) == 1): return names[0]",
    ]);
  });

  test.skipIf(leftOut(spawnSync("python3", ["--version"]).status !== 0))(
    "all compile (needs python3)",
    async () => {
      const dir = await mkdtemp(join(tmpdir(), "headrace-mutants-"));
      const mutants = mutantsOf({ path: "a.py", after: PYTHON });
      const crlf = mutantsOf({ path: "a.py", after: PYTHON.replaceAll("\n", "\r\n") });
      expect(crlf).toHaveLength(mutants.length);
      const files = [...mutants, ...crlf].map(({ text }, i) => ({ name: `${i}.py`, text }));
      await Promise.all(files.map(({ name, text }) => writeFile(join(dir, name), text)));
      const names = files.map(({ name }) => name);
      const { stderr, status } = spawnSync("python3", ["-m", "py_compile", ...names], {
        cwd: dir,
        encoding: "utf8",
      });
      await rm(dir, { recursive: true });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    },
  );

  test("are none where brackets or strings do not match up", () => {
    for (const odd of ["x = (\n", "x = )\n", "x = '''\n", "x = 'a\n"])
      expect(mutantsOf({ path: "a.py", after: `${odd}def f():\n    return 1\n` })).toEqual([]);
  });
});

describe("only functions that the change touched", () => {
  const file = (...functions: string[]) => functions.join("\n");
  const ONE = "function one() {\n  return 1;\n}";
  const TWO = "function two() {\n  return 2;\n}";

  test("count: edited and new ones, not those that are moved or indented", () => {
    const before = file(ONE, TWO);
    expect(kindsOf("a.js", file(TWO, ONE), before)).toEqual([]);
    expect(kindsOf("a.js", file(ONE.replace("  ", "\t"), TWO), before)).toEqual([]);
    expect(new Set(kindsOf("a.js", file(ONE, TWO.replace("2;", "3;")), before))).toEqual(
      new Set(["two constant", "two throws"]),
    );
    expect(kindsOf("a.js", file(ONE, TWO, "const three = () => 3;"), before)[0]).toBe(
      "three constant",
    );
  });

  test("count where a line of theirs is gone", () => {
    const before = "def f(a):\n    check(a)\n    return a\n";
    expect(kindsOf("a.py", before.replace("    check(a)\n", ""), before)).toEqual([
      "f constant",
      "f throws",
    ]);
  });

  test("count by what is their own: not a function around a changed one", () => {
    const js = (n: number) =>
      `const outer = () => {\n  const inner = () => ${n};\n  go(inner);\n};`;
    expect(new Set(kindsOf("a.js", js(2), js(1)).map((kind) => kind.split(" ")[0]))).toEqual(
      new Set(["inner"]),
    );
    const py = (n: number) =>
      `def outer():\n    def inner():\n        return ${n}\n    return inner()\n`;
    expect(kindsOf("a.py", py(2), py(1))).toEqual(["inner constant", "inner throws"]);
  });
});

describe("a file makes no mutants", () => {
  test.each([
    ["in a language that is not known", "a.rs", "fn f() -> i32 { 1 }"],
    [
      "that declares types alone",
      "a.d.ts",
      "declare function f(): number; interface A { b(): void }",
    ],
    ["that does not parse", "a.ts", "const f = () => {"],
    ["whose functions are empty", "a.js", "const f = () => {}; class A { b() {} }"],
    ["of more text than people write", "a.js", `const f = () => 1;${" ".repeat(300_000)}`],
    ["that nests deeper than a stack", "a.js", `const f = () => ${"(".repeat(100_000)}`],
    [
      "that would take its parser minutes",
      "a.ts",
      `const f = () => 1;\n${`a${"<a".repeat(200)};\n`.repeat(500)}`,
    ],
    ["of brackets without end", "a.py", `def f():\n    return ${"(".repeat(250_000)}`],
  ])("%s", (_, path, after) => {
    expect(mutantsOf({ path, after })).toEqual([]);
  });
});

describe("of many mutants a few are chosen", () => {
  const all = ["a.ts", "b.ts"].flatMap((path) =>
    mutantsOf({
      path,
      after: "const f = (a: number) => a > 2;\nconst g = (a: number) => a - 1;\n",
    }),
  );
  const chosen = (count: number) =>
    chooseMutants(all, count).map(
      ({ path, functionName, kind }) => `${path} ${functionName} ${kind}`,
    );

  test("over files first, then functions, then kinds", () => {
    expect(chosen(5)).toEqual([
      "a.ts f constant",
      "b.ts f throws",
      "a.ts g arithmetic",
      "b.ts g constant",
      "a.ts f negated",
    ]);
  });

  test("as many as there are, each once", () => {
    expect(new Set(chosen(100)).size).toBe(all.length);
    expect(chosen(0)).toEqual([]);
  });
});
