import { afterAll, beforeAll, expect, test } from "vitest";
import { checkLines } from "../../packages/cli/src/view/check-lines.ts";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

const WRONG = "exports.sum = (a, b) => {\n  return a - b;\n};\n";
const RIGHT = WRONG.replace("-", "+");
const testOf = (title: string, assertion: string) =>
  [
    'const test = require("node:test");',
    'const assert = require("node:assert");',
    'const { sum } = require("../sum.js");',
    `test("${title}", () => ${assertion});\n`,
  ].join("\n");

test("a fix whose test is green without it goes back to its coder, and lands with one that is red", async () => {
  const run = await factory.start({
    files: {
      "sum.js": WRONG,
      "test/nothing.test.js": testOf("nothing", "assert.equal(sum(0, 0), 0)"),
    },
    test: "node --test",
    tasks: [task("one", { fix: true })],
    script: [
      codes("one", {
        "sum.js": RIGHT,
        "test/sum.test.js": testOf("adds", "assert.equal(sum(2, 0), 2)"),
      }),
      codes(
        "one",
        { "test/sum.test.js": testOf("adds", "assert.equal(sum(2, 1), 3)") },
        { attempt: 2, contains: ["It is a fix", "the new tests do not show the fault"] },
      ),
      approves("one", { attempt: 2 }),
      accepts({ r1: { file: "sum.js", quote: "exports.sum = (a, b) => { return a + b; }" } }),
    ],
  });
  await run.settled();
  const { run: row, tasks, receipts } = await expectSound(run);
  expect(row.status).toBe("complete");
  expect(tasks.one).toMatchObject({ status: "landed", attempts: 2 });
  const events = await run.events();
  expect(events.find((e) => e.type === "attempt.finished")).toMatchObject({
    outcome: "red",
    reason: expect.stringMatching(/^red-on-base: the new tests do not show the fault: /),
  });
  // the tip had not moved: it lands on the receipt of its own verification, checks and all
  expect(receipts[tasks.one?.landing?.receipt ?? ""]?.checks).toMatchObject([
    { check: "base-suite", outcome: "pass" },
    { check: "red-on-base", outcome: "pass" },
    { check: "mutants" },
  ]);
  const accepted = events.find((e) => e.type === "plan.accepted");
  expect(accepted).toMatchObject({ machineTime: { tasks: 1, unmeasured: [] } });
});

test("tests that see nothing of a change are told to its reviewer and in the report", async () => {
  const max = "exports.max = (a, b) => {\n  return a > b ? a : b;\n};\n";
  const run = await factory.start({
    files: { "sum.js": RIGHT, "test/sum.test.js": testOf("adds", "assert.equal(sum(2, 1), 3)") },
    test: "node --test",
    tasks: [task("one")],
    script: [
      codes("one", { "max.js": max }),
      approves("one", { contains: "one function broken at a time: the tests catch none of" }),
      accepts({
        r1: { file: "max.js", quote: "exports.max = (a, b) => { return a > b ? a : b; }" },
      }),
    ],
  });
  await run.settled();
  const state = await expectSound(run);
  expect(state.run.status).toBe("complete");
  expect(checkLines(state)).toEqual([
    expect.stringMatching(/^ {2}! one: mutants: the tests catch none of \d mutants: .*max\.js:1/),
  ]);
});
