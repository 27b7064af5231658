import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { commitFiles, git } from "../support/git.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { ended, LAUNCHER } from "../support/shell.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

const SUM = "exports.sum = (a, b) => a + b;\n";
const WRONG = "exports.sum = (a, b) => a - b;\n";
const SUITE = `const test = require("node:test");
const assert = require("node:assert");
const { sum } = require("./sum.js");
test("adds", () => assert.equal(sum(1, 2), 3));
test("has been broken for years", () => assert.equal(sum(1), 1));
`;

test("a repository with a broken test is worked on, and only that test may go on failing", async () => {
  const run = await factory.start({
    files: { "sum.js": SUM, "sum.test.js": SUITE },
    test: "node --test",
    tasks: [task("one")],
    script: [
      codes("one", { "all.txt": "one and two together\n", "sum.js": WRONG }),
      codes("one", { "sum.js": SUM }, { attempt: 2, contains: "that did not on the base" }),
      approves("one", { attempt: 2 }),
      accepts({ r1: { file: "all.txt", quote: "one and two together" } }),
    ],
  });
  await run.settled();
  const { run: row, tasks, receipts } = await expectSound(run);
  expect(row).toMatchObject({ status: "complete", baseRed: [{ gate: "test", failing: 1 }] });
  expect(tasks.one).toMatchObject({ status: "landed", attempts: 2 });
  const events = await run.events();
  const [red] = events.filter((e) => e.type === "attempt.finished" && e.outcome === "red");
  expect(red).toMatchObject({ reason: expect.stringMatching(/1 test fails .*adds/) });
  const [result] = receipts[tasks.one?.landing?.receipt ?? ""]?.results ?? [];
  expect(result).toMatchObject({
    ...{ verdict: "pass", exitCode: 1, tests: { total: 2, failed: 1 } },
    baseRed: { failing: 1, receipt: row.checked?.id },
  });

  // who runs it again, and who lands it on a branch that moved on, lets the same test fail
  const headrace = (...args: string[]) =>
    ended(spawn(process.execPath, [LAUNCHER, ...args, "--data", factory.data]));
  const verified = await headrace("verify", run.id);
  expect(verified, verified.out + verified.err).toMatchObject({ code: 0 });
  expect(verified.out).toMatch(/now +pass \(red on the base too: .*broken for years.*: equal/);
  await commitFiles(run.repo, { "more.test.js": 'require("node:test").test("more", () => {});\n' });
  const landed = await headrace("land", run.id);
  expect(landed, landed.out + landed.err).toMatchObject({ code: 0 });
  expect(landed.out).toContain("gate test: pass (red on the base too");
  const also = SUITE.replace('test("adds"', 'test("fails now", () => assert.fail());\ntest("adds"');
  git(run.repo, "reset", "--quiet", "--hard", "main~1");
  await commitFiles(run.repo, { "sum.test.js": also });
  expect(await headrace("land", run.id)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/1 test fails that did not on the base: .*fails now/),
  });
});
