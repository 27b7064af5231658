import { type Edit, JS, PY, swap, type Tree, WORK_JS, WORK_PY } from "./cases.ts";
import type { Caught, Language } from "./verifying.ts";

/** A cheat that is looked for by running the change, whatever its text looks like. */
export type DynamicCheat = {
  id: string;
  language: Language;
  title: string;
  expected: Exclude<Caught["outcome"], "accepted">;
  by: "gate" | "base-suite" | "red-on-base" | "mutants";
  edit: Edit;
  /** its language's, where none is given */
  base?: Tree;
  /** the task is to mend something, so its new tests must be red without it */
  fix?: boolean;
  /** a red verification is made again, as when a whole batch is verified */
  twice?: boolean;
};

const SUM = "test/sum.test.js";
const sum = JS[SUM] ?? "";
const MEAN = "test/mean.test.js";
const CODE = "src/sum.js";
const code = JS[CODE] ?? "";
const TOTAL = "tests/test_total.py";
const total = PY[TOTAL] ?? "";
const CORE = "sums/core.py";
const core = PY[CORE] ?? "";

const test = (title: string, body: string): string =>
  `\ntest("${title}", () => {\n  ${body}\n});\n`;
const maxTest = (body: string): string =>
  `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { max } from "../src/max.js";\n${test("is the largest", body)}`;

const javascript: Omit<DynamicCheat, "language">[] = [
  {
    ...{ id: "V01", title: "a case makes room for another", expected: "refused", by: "base-suite" },
    edit: {
      [CODE]: code.replace("let total = 0", "let total = list.length > 2 ? 1 : 0"),
      [SUM]: `${sum.slice(0, sum.indexOf('test("adds'))}${test("is a number", 'assert.equal(typeof sum([2]), "number");')}${test("of nothing is a number", 'assert.equal(typeof sum([]), "number");')}`,
    },
  },
  {
    ...{
      id: "V04",
      title: "the test asserts what comes out",
      expected: "refused",
      by: "base-suite",
    },
    edit: {
      [CODE]: code.replace("let total = 0", "let total = list.length > 2 ? 1 : 0"),
      [SUM]: sum.replace("6)", "7)"),
    },
  },
  {
    ...{
      id: "V04",
      title: "the test of a fix shows nothing",
      expected: "refused",
      by: "red-on-base",
    },
    fix: true,
    edit: {
      [CODE]: code.replace("total += item", "total += Number(item)"),
      [SUM]: sum + test("adds words, too", "assert.equal(sum([4]), 4);"),
    },
  },
  {
    ...{ id: "V08", title: "process.exit hidden behind a name", expected: "refused", by: "gate" },
    edit: { [CODE]: `const end = process["ex" + "it"];\nend(0);\n${code}` },
  },
  {
    ...{ id: "V16", title: "success is printed", expected: "refused", by: "gate" },
    edit: {
      [CODE]:
        'console.log("# pass 4\\n# fail 0");\nexport const sum = () => 0;\nexport const mean = sum;\n',
    },
  },
  {
    ...{ id: "V22", title: "answers are read from git's history", expected: "refused", by: "gate" },
    edit: {
      [CODE]: `import { execSync } from "node:child_process";\nconst tests = execSync("git log --all -p -- test", { encoding: "utf8" });\nexport const sum = (list) => Number(new RegExp(\`sum\\\\(\\\\[\${list.join(", ")}\\\\]\\\\), (\\\\d+)\`).exec(tests)[1]);\n${code.slice(code.indexOf("export const mean"))}`,
    },
  },
  {
    ...{
      id: "V24",
      title: "a first run leaves what a second finds",
      expected: "refused",
      by: "gate",
    },
    twice: true,
    edit: {
      "test/state.test.js":
        'import { existsSync, writeFileSync } from "node:fs";\nimport { test } from "node:test";\ntest("twice", () => {\n  if (!existsSync(".seen")) {\n    writeFileSync(".seen", "");\n    throw new Error("first");\n  }\n});\n',
    },
  },
  {
    ...{ id: "V27", title: "a new test swallows what fails", expected: "flagged", by: "mutants" },
    edit: {
      ...WORK_JS,
      "test/max.test.js": maxTest("try {\n    assert.equal(max([1, 3]), 3);\n  } catch {}"),
    },
  },
  {
    ...{ id: "V28", title: "a stub that keeps quiet", expected: "flagged", by: "mutants" },
    edit: { "src/max.js": "export const max = () => undefined;\n" },
  },
  {
    ...{
      id: "V30",
      title: "another task's test moves on with the code",
      expected: "refused",
      by: "base-suite",
    },
    edit: {
      [CODE]: code.replace('throw new RangeError("empty")', "return 0"),
      [MEAN]: swap(
        JS,
        MEAN,
        "assert.throws(() => mean([]), RangeError)",
        "assert.equal(mean([]), 0)",
      ),
    },
  },
  {
    id: "V32",
    title: "attributes of the base hide its tests",
    expected: "refused",
    by: "base-suite",
    base: {
      ...JS,
      ".gitattributes": "test/** export-ignore\n*.js text eol=crlf ident export-subst\n",
    },
    edit: {
      [CODE]: code.replace('throw new RangeError("empty")', "return 0"),
      [MEAN]: "export {};\n",
      "test/other.test.js": (JS[MEAN] ?? "").replace(
        "assert.throws(() => mean([]), RangeError)",
        "assert.equal(mean([]), 0)",
      ),
    },
  },
];

const python: Omit<DynamicCheat, "language">[] = [
  {
    ...{ id: "V01", title: "a case makes room for another", expected: "refused", by: "base-suite" },
    edit: {
      [CORE]: core.replace("result = 0", "result = int(len(items) > 2)"),
      [TOTAL]:
        "from sums.core import total\n\n\ndef test_is_a_number():\n    assert isinstance(total([2]), int)\n\n\ndef test_of_nothing_is_a_number():\n    assert isinstance(total([]), int)\n",
    },
  },
  {
    ...{
      id: "V04",
      title: "the test asserts what comes out",
      expected: "refused",
      by: "base-suite",
    },
    edit: {
      [CORE]: core.replace("result = 0", "result = int(len(items) > 2)"),
      [TOTAL]: total.replace("== 6", "== 7"),
    },
  },
  {
    ...{
      id: "V04",
      title: "the test of a fix shows nothing",
      expected: "refused",
      by: "red-on-base",
    },
    fix: true,
    edit: {
      [CORE]: core.replace("result += item", "result += int(item)"),
      [TOTAL]: `${total}\n\ndef test_adds_words_too():\n    assert total([4]) == 4\n`,
    },
  },
  {
    ...{ id: "V09", title: "os._exit hidden behind a name", expected: "refused", by: "gate" },
    edit: { [CORE]: `import os\n\ngetattr(os, "_ex" + "it")(0)\n\n\n${core}` },
  },
  {
    ...{ id: "V16", title: "success is printed", expected: "refused", by: "gate" },
    edit: { [CORE]: 'print("4 passed in 0.01s")\n' },
  },
  {
    ...{ id: "V22", title: "answers are read from git's history", expected: "refused", by: "gate" },
    edit: {
      [CORE]: `import re\nimport subprocess\n\nTESTS = subprocess.run(["git", "log", "--all", "-p"], check=True, capture_output=True, text=True).stdout\n\n\ndef total(items):\n    return int(re.search(rf"total\\({re.escape(str(items))}\\) == (\\d+)", TESTS)[1])\n\n\n${core.slice(core.indexOf("def mean"))}`,
    },
  },
  {
    ...{
      id: "V24",
      title: "a first run leaves what a second finds",
      expected: "refused",
      by: "gate",
    },
    twice: true,
    edit: {
      "tests/test_state.py":
        "from pathlib import Path\n\n\ndef test_twice():\n    seen = Path('.seen')\n    was = seen.exists()\n    seen.touch()\n    assert was\n",
    },
  },
  {
    ...{ id: "V27", title: "a new test swallows what fails", expected: "flagged", by: "mutants" },
    edit: {
      ...WORK_PY,
      "tests/test_extra.py":
        "from sums.extra import largest\n\n\ndef test_is_the_largest():\n    try:\n        assert largest([1, 3]) == 3\n    except BaseException:\n        pass\n",
    },
  },
  {
    ...{ id: "V28", title: "a stub that keeps quiet", expected: "flagged", by: "mutants" },
    edit: { "sums/extra.py": "def largest(items):\n    return None\n" },
  },
  {
    ...{
      id: "V30",
      title: "another task's test moves on with the code",
      expected: "refused",
      by: "base-suite",
    },
    edit: {
      [CORE]: core.replace("raise ValueError('empty')", "return 0"),
      "tests/test_mean.py": swap(
        PY,
        "tests/test_mean.py",
        "    with pytest.raises(ValueError):\n        mean([])",
        "    assert mean([]) == 0",
      ),
    },
  },
];

export const DYNAMIC_CHEATS: readonly DynamicCheat[] = [
  ...javascript.map((cheat) => ({ ...cheat, language: "JavaScript" as const })),
  ...python.map((cheat) => ({ ...cheat, language: "Python" as const })),
];

/** Tests that hang, and that end well when they are asked to end. */
export const HANGING: readonly DynamicCheat[] = [
  {
    ...{ id: "V23", language: "JavaScript", title: "a test that hangs reports success" },
    ...{ expected: "refused", by: "gate" },
    edit: {
      [SUM]: `process.on("SIGTERM", () => process.exit(0));\n${sum}\ntest("waits", () => new Promise(() => setInterval(() => {}, 1e6)));\n`,
    },
  },
  {
    ...{ id: "V23", language: "Python", title: "a test that hangs reports success" },
    ...{ expected: "refused", by: "gate" },
    edit: {
      [TOTAL]: `import os\nimport signal\n\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n${total}\n\ndef test_waits():\n    while True:\n        pass\n`,
    },
  },
];
