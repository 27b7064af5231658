import { describe, expect, test } from "vitest";
import { deadTests } from "./dead-tests.ts";
import { languageOf } from "./languages.ts";
import { lineCounter, readSource } from "./source.ts";

/** What is said of a file's tests, with the line of each. */
const dead = (path: string, text: string): string[] => {
  const language = languageOf(path);
  if (language === undefined) throw new Error("a language of the table");
  const { code } = readSource(text, language.syntax);
  const lineOf = lineCounter(code);
  return deadTests(code, language).map(
    ({ index, what, sure }) => `${lineOf(index)} ${sure ? "" : "perhaps "}${what}`,
  );
};

describe("tests in a function of JavaScript", () => {
  const inner = 'test("a", () => {\n  assert.ok(x);\n});';
  test.each([
    ["a declared one", `function later() {\n${inner}\n}\n`],
    ["one with types", `async function later(): Promise<void> {\n${inner}\n}\n`],
    ["one that takes an object", `function later({ a, b } = {}) {\n${inner}\n}\n`],
    ["an arrow", `const later = () => {\n${inner}\n};\n`],
    ["an arrow with a type", `const later: () => void = (): void => {\n${inner}\n};\n`],
    ["an arrow of one name", `const later = _ => {\n${inner}\n};\n`],
    ["an arrow without braces", `const later = () =>\n${inner};\n`],
    ["a method", `const all = {\n  later() {\n${inner}\n} };\n`],
    ["one that calls itself", `function later() {\n${inner} later(); }\n`],
    ["one after a line without a semicolon", `go()\nfunction later() {\n${inner}\n}\n`],
  ])("are told where nothing calls it: %s", (_, text) => {
    expect(dead("a.test.ts", text)).toEqual([
      expect.stringMatching(/has a test in `later`, which nothing here calls$/),
    ]);
  });

  test("are only perhaps dead where others could call it", () => {
    const text = `export const later = () => {\n${inner}\n};\n`;
    expect(dead("a.test.ts", text)).toEqual([expect.stringMatching(/^2 perhaps /)]);
  });

  test.each([
    ["a suite", `describe("x", () => {\n${inner}\n});\n`],
    ["a suite of a named function", `describe("x", function suite() {\n${inner}\n});\n`],
    ["a loop", `for (const x of xs) {\n${inner}\n}\n`],
    ["a condition", `if (x) {\n${inner}\n}\n`],
    ["a function that is called", `const suite = (x) => {\n${inner}\n};\nsuite(1);\n`],
    ["one that is handed on", `function suite(x) {\n${inner}\n}\nxs.forEach(suite);\n`],
    ["one that calls itself at once", `(function suite() {\n${inner}\n})();\n`],
    ["a helper beside them", `const help = () => {\n  return 1;\n};\n${inner}\n`],
    ["text of another program", `const later = () => {\n  return \`${inner}\`;\n};\n`],
    ["brackets that do not fit", `)]}}${inner}\n(([[{{`],
  ])("run: %s", (_, text) => {
    expect(dead("a.test.ts", text)).toEqual([]);
  });
});

describe("tests in Python", () => {
  test("within a function are not collected, and perhaps where its name is used", () => {
    const text = "def later():\n    def test_a():\n        assert x\n";
    expect(dead("test_a.py", text)).toEqual([
      "2 has the test `test_a` within the function `later`, where it is not collected",
    ]);
    expect(dead("test_a.py", `${text}\nlater()\n`)[0]).toMatch(/^2 perhaps /);
  });

  test("that another of the same name and place follows do not run", () => {
    const one = "def test_a():\n    assert x\n";
    expect(dead("test_a.py", `${one}\n${one}`)).toEqual([
      "1 has the test `test_a` twice, and only the last runs",
    ]);
    expect(
      dead("test_a.py", `if x:\n    ${one.replace("\n", "\n    ")}else:\n    def test_a(): pass`),
    ).toEqual([]);
    const method = "    def test_a(self):\n        assert x\n";
    expect(dead("test_a.py", `class TestA:\n${method}\nclass TestB:\n${method}`)).toEqual([]);
    expect(dead("test_a.py", `class TestA:\n${method}\n${method}`)).toHaveLength(1);
  });

  test("in a class that is named otherwise are perhaps dead, unless it has a base or a use", () => {
    const method = "    def test_a(self):\n        assert x\n";
    expect(dead("test_a.py", `class Hidden:\n${method}`)).toEqual([
      "2 perhaps has the test `test_a` in the class `Hidden`, which is not named as one of tests",
    ]);
    expect(dead("test_a.py", `class Hidden(TestCase):\n${method}`)).toEqual([]);
    expect(dead("test_a.py", `class Sums:\n${method}\nclass TestSums(Sums): pass\n`)).toEqual([]);
  });
});

test.each([
  ["a.test.js", "({[".repeat(100_000)],
  ["a.test.js", "(".repeat(100_000) + "]".repeat(100_000)],
  ["a.test.js", "const a = () => {\n".repeat(20_000)],
  ["a.test.js", 'const a = () => test("a");\n'.repeat(10_000)],
  ["test_a.py", "def a():\n def test_a():\n".repeat(10_000)],
  ["test_a.py", Array.from({ length: 1000 }, (_, n) => `${" ".repeat(n)}def test_a():`).join("\n")],
])("a file made to be slow is read in time: %s", (path, text) => {
  expect(dead(path, text).length).toBeGreaterThanOrEqual(0);
});
