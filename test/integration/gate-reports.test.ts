import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openReportedFolder } from "../support/gate-reports.ts";
import { NO_PYTEST, PYTEST } from "../support/needs.ts";

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** A folder of ES modules. */
const openModules = async () => {
  const folder = await openReportedFolder();
  await folder.file("package.json", '{"type":"module"}');
  return folder;
};

const NODE_TESTS = `import assert from "node:assert";
import { describe, it, test } from "node:test";
test("works", () => {});
test("later", { todo: true }, () => { throw new Error("x"); });
describe("suite", () => {
  it("inner", () => {});
  it.skip("left", () => {});
  it("bad", () => assert.ok(process.env.GOOD));
});
`;

describe("node --test", () => {
  test("tells each test of each file, and a file of assertions alone", async () => {
    await using folder = await openModules();
    await folder.file("test/a.test.js", NODE_TESTS);
    await folder.file("test/b.test.js", 'import assert from "node:assert"; assert.ok(1);');
    const { exitCode, out, tests } = await folder.run("node --test");
    expect(exitCode).toBe(1);
    expect(out).toContain("suite");
    expect(tests).toEqual([
      "todo test/a.test.js > later",
      "failed test/a.test.js > suite > bad",
      "passed test/a.test.js > suite > inner",
      "skipped test/a.test.js > suite > left",
      "passed test/a.test.js > works",
      "passed test/b.test.js",
    ]);
  });

  test.each([
    ["a reporter of the script's own", "node --test --test-reporter=tap", "TAP version 13"],
    [
      "one with a destination",
      "node --test --test-reporter tap --test-reporter-destination x.tap; code=$?; cat x.tap; exit $code",
      "TAP version 13",
    ],
    [
      "two",
      `node --test ${"--test-reporter=tap --test-reporter-destination=stdout ".repeat(2)}`,
      "TAP",
    ],
    [
      "options of the gate's own",
      'NODE_OPTIONS="$NODE_OPTIONS --no-warnings" node --test',
      "works",
    ],
  ])("goes on with %s", async (_, command, shown) => {
    await using folder = await openModules();
    await folder.file("test/a.test.js", NODE_TESTS);
    const { exitCode, out, err, tests } = await folder.run(command, { GOOD: "1" });
    expect(exitCode, err).toBe(0);
    expect(out).toContain(shown);
    expect(tests).toHaveLength(5);
  });

  test.each([
    ["a module", "node a.test.mjs", "a.test.mjs"],
    ["one named without its extension", "node ./b", "b.js"],
    ["one with a reporter and arguments", "node --test-reporter=dot b.js --only", "b.js"],
    ["a script of package.json", "npm test --silent", "b.js"],
  ])("is not needed by %s that has its tests in it", async (_, command, file) => {
    await using folder = await openReportedFolder();
    await folder.file("package.json", '{"scripts":{"test":"node b.js"}}');
    await folder.file("a.test.mjs", NODE_TESTS);
    const required = NODE_TESTS.replace(/import (.*) from (".*");/g, "const $1 = require($2);");
    await folder.file("b.js", required);
    const { exitCode, tests } = await folder.run(command);
    expect(exitCode).toBe(1);
    expect(tests).toEqual([
      `todo ${file} > later`,
      `failed ${file} > suite > bad`,
      `passed ${file} > suite > inner`,
      `skipped ${file} > suite > left`,
      `passed ${file} > works`,
    ]);
  });

  test("is not what a program is taken for that only speaks of it, and that fails as it did", async () => {
    await using folder = await openReportedFolder();
    await folder.file(
      "tool.js",
      'console.log("node:test", process.argv[2]); process.exitCode = 7;',
    );
    const { exitCode, out, answer } = await folder.run("node tool.js x");
    expect({ exitCode, out, answer }).toEqual({
      ...{ exitCode: 7, out: "node:test x\n", answer: { kind: "none" } },
    });
  });

  test("tells no test of a file that ended itself with exit code 0", async () => {
    await using folder = await openModules();
    await folder.file("a.test.js", `${NODE_TESTS}\nprocess.exit(0);`);
    const { exitCode, tests } = await folder.run("node --test");
    expect([exitCode, tests]).toEqual([0, []]);
  });

  test("of tests that start runners tells the gate's own tests alone", async () => {
    await using folder = await openModules();
    await folder.file(
      "fixture/bad.js",
      'import { test } from "node:test"; test("bad", () => { throw 1; });',
    );
    await folder.file(
      "a.test.js",
      `import { spawnSync } from "node:child_process";
       import { test } from "node:test";
       test("a failing fixture", () => { spawnSync("node", ["--test", "fixture/bad.js"]); });`,
    );
    const { tests } = await folder.run("node --test a.test.js");
    expect(tests).toEqual(["passed a.test.js > a failing fixture"]);
  });
});

const VITEST_TESTS = `import { describe, expect, it, test } from "vitest";
test("works", () => { const one: number = 1; expect(one).toBe(1); });
test.todo("later");
describe("suite", () => {
  it("inner", () => {});
  it.skip("left", () => {});
  it("bad", () => expect(process.env.GOOD).toBe("1"));
});
`;

describe("vitest", () => {
  const openVitest = async () => {
    const folder = await openModules();
    await symlink(MODULES, join(folder.dir, "node_modules"));
    await folder.file("a.test.ts", VITEST_TESTS);
    return folder;
  };
  const TOLD = [
    "todo a.test.ts > later",
    "failed a.test.ts > suite > bad",
    "passed a.test.ts > suite > inner",
    "skipped a.test.ts > suite > left",
    "passed a.test.ts > works",
  ];

  test("tells each test, and shows a person what it always does", async () => {
    await using folder = await openVitest();
    await folder.file("b.test.ts", 'throw new Error("at import");');
    const { exitCode, out, tests } = await folder.run("npx vitest run");
    expect(exitCode).toBe(1);
    expect(out).toMatch(/Tests .*1 failed/);
    expect(tests).toEqual([...TOLD, "failed b.test.ts"]);
  });

  test("goes on with reporters of its script and of its configuration", async () => {
    await using folder = await openVitest();
    const script = await folder.run("npx vitest run --reporter=tap");
    expect(script.out).toMatch(/^TAP version 13/);
    expect(script.tests).toEqual(TOLD);

    await folder.file(
      "vitest.config.js",
      'export default { test: { reporters: ["dot", ["junit", { outputFile: "out.xml" }]] } };',
    );
    const configured = await folder.run("npx vitest run >/dev/null; cat out.xml");
    expect(configured.out).toContain("<testsuites");
    expect(configured.tests).toEqual(TOLD);
  });

  test("in one gate with another runner is joined with it", async () => {
    await using folder = await openVitest();
    await folder.file(
      "test/b.test.js",
      'import { test } from "node:test"; test("other", () => {});',
    );
    const { answer, tests } = await folder.run("npx vitest run a; node --test test/b.test.js");
    expect(answer).toMatchObject({ report: { runner: "node:test, vitest" } });
    expect(tests).toEqual([...TOLD, "passed test/b.test.js > other"]);
  });

  test("that is killed in the middle leaves a report that is unreadable", async () => {
    await using folder = await openVitest();
    await folder.file(
      "a.test.ts",
      'import { test } from "vitest"; test("kills", () => { process.kill(process.ppid, 9); });',
    );
    const { answer } = await folder.run("npx vitest run --pool=forks >/dev/null 2>&1; exit 0");
    expect(answer).toMatchObject({
      kind: "unreadable",
      reason: expect.stringContaining("the runner began and did not finish its report"),
    });
  });
});

describe.skipIf(NO_PYTEST)("pytest (needs python3-pytest and python3-pytest-xdist)", () => {
  const openTests = async () => {
    const folder = await openReportedFolder();
    await folder.file("pytest.ini", "[pytest]\naddopts = -q -p no:cacheprovider\n");
    await folder.file(
      "tests/test_a.py",
      `import pytest
def test_works(): pass
@pytest.mark.parametrize("x", ["a::b", 2])
def test_each(x): pass
@pytest.mark.skip
def test_left(): pass
@pytest.mark.xfail
def test_later(): assert 0
class TestC:
    def test_bad(self): assert 0
@pytest.fixture
def falls():
    yield 1
    raise ValueError
def test_teardown(falls): pass
`,
    );
    await folder.file("tests/test_b.py", 'import pytest\npytest.importorskip("no_such_thing")\n');
    return folder;
  };
  const TOLD = [
    "failed tests/test_a.py > TestC > test_bad",
    "passed tests/test_a.py > test_each[2]",
    "passed tests/test_a.py > test_each[a::b]",
    "todo tests/test_a.py > test_later",
    "skipped tests/test_a.py > test_left",
    "failed tests/test_a.py > test_teardown",
    "passed tests/test_a.py > test_works",
    "skipped tests/test_b.py",
  ];

  test.each([
    ["with options of pytest.ini", ""],
    ["in several processes", "-n 2"],
    ["with a report of the script's own", "--junitxml=own.xml"],
  ])("tells each test %s", async (_, options) => {
    await using folder = await openTests();
    const { exitCode, tests, out } = await folder.run(`${PYTEST} -m pytest ${options}`);
    expect(exitCode, out).toBe(1);
    expect(tests).toEqual(TOLD);
  });

  test("that cannot see the reporter goes on without", async () => {
    await using folder = await openTests();
    const { exitCode, answer } = await folder.run(`${PYTEST} -I -m pytest`);
    expect([exitCode, answer]).toEqual([1, { kind: "none" }]);
  });

  test("that a test ends leaves a report that is unreadable", async () => {
    await using folder = await openTests();
    await folder.file("tests/test_b.py", "import os\ndef test_ends(): os._exit(0)\n");
    const { exitCode, answer } = await folder.run(`${PYTEST} -m pytest`);
    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({ kind: "unreadable" });
  });
});

// what toolchains do with these variables was recorded: go 1.19, cargo 1.95
describe("a test program of a toolchain that is not here", () => {
  test("of Go tells its tests, and its exit code and output are its own", async () => {
    await using folder = await openReportedFolder();
    await folder.file(
      "pkg.test",
      '#!/bin/sh\necho "=== RUN   TestA"\necho "--- PASS: TestA (0.00s)"\necho "got $*"\nexit 3\n',
    );
    const go = '"$(echo $GOFLAGS | cut -d= -f2)" ./pkg.test';
    const { exitCode, out, tests } = await folder.run(`chmod +x pkg.test; ${go} -test.run 'a b'`);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: "got -test.v -test.run a b\n" });
    expect(tests.map((name) => name.split(" > ")[1])).toEqual(["TestA"]);
    expect(await folder.run(`chmod +x pkg.test; ${go} -test.v=true`)).toMatchObject({
      out: expect.stringContaining("--- PASS: TestA"),
    });
  });

  test("of Rust tells its tests by the name of its crate", async () => {
    await using folder = await openReportedFolder();
    const result = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
    await folder.file(
      "deps/demo-0123456789abcdef",
      `#!/bin/sh\necho "running 1 test"\necho "test a::b ... ok"\necho "${result}"\n`,
    );
    const { out, tests } = await folder.run(
      'chmod +x deps/*; "$CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER" ./deps/demo-0123456789abcdef',
    );
    expect(out).toBe(`running 1 test\ntest a::b ... ok\n${result}\n`);
    expect(tests.map((name) => name.split(" > ").slice(1))).toEqual([["demo", "a::b"]]);
  });

  test("that is no test program runs as it is", async () => {
    await using folder = await openReportedFolder();
    const runner = '"$CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER"';
    const { out, answer } = await folder.run(
      `${runner} echo hi; "$(echo $GOFLAGS | cut -d= -f2)" echo ho`,
    );
    expect([out, answer]).toEqual(["hi\nho\n", { kind: "none" }]);
  });
});

test("a program that is no test runner reports nothing and sees its own options", async () => {
  await using folder = await openReportedFolder();
  const { out, answer } = await folder.run("node -p '[1, process.execArgv.length]'");
  expect(out).toBe("[ 1, 2 ]\n");
  expect(answer).toEqual({ kind: "none" });
});

test("what a test prints or writes in the tree is no report", async () => {
  await using folder = await openReportedFolder();
  const fake = '{"begin":"x","runner":"vitest"}\n{"end":"x","count":0}\n';
  await folder.file("out/vitest-1.report", fake);
  expect((await folder.run("cat out/vitest-1.report")).answer).toEqual({ kind: "none" });
});
