import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { submitted } from "../../../../test/contract/suites/store-fixtures.ts";
import { createNotifier } from "./notify.ts";

let dir = "";
let store: Store;
let logged: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-notify-"));
  store = await openStore({ file: join(dir, "store.db"), clock: createClock() });
  logged = [];
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const open = (env: NodeJS.ProcessEnv = {}) =>
  createNotifier({
    store,
    dir: join(dir, "notified"),
    env: { PATH: process.env.PATH, ...env },
    commandMs: 2_000,
    log: (line) => logged.push(line),
  });

/** A run whose command writes what it is told to `told`. */
const submit = async (command = `echo "$HEADRACE_STATUS: $HEADRACE_MESSAGE" >> ${dir}/told`) =>
  store.append("r", [{ ...submitted(), notify: command } as ReturnType<typeof submitted>]);

const told = async (): Promise<string[]> =>
  (await readFile(join(dir, "told"), "utf8").catch(() => "")).split("\n").slice(0, -1);

test("a question and a stop are told as they come, in order, and nothing else is", async () => {
  await using notifier = open();
  await notifier.start();
  await submit();
  await store.append("r", [
    { type: "run.started" },
    { type: "question.asked", question: "q1", text: "Tabs?", reason: "the spec is silent" },
    { type: "budget.stopped", reason: "the next call does not fit", spent: 1, budget: 1000 },
  ]);
  await notifier[Symbol.asyncDispose]();
  expect(await told()).toEqual([
    "question: question q1: Tabs?",
    expect.stringMatching(/^budget: stopped for budget/),
  ]);
});

test("an event is told once, and one that a crash came before by the next factory", async () => {
  await submit();
  await store.append("r", [{ type: "run.failed", reason: "the disk is full" }]);
  for (const _boot of [1, 2]) {
    await using notifier = open();
    await notifier.start();
  }
  expect(await told()).toEqual(["failed: the factory failed, nothing is lost: the disk is full"]);
});

test("the command gets no key, and what becomes of it is logged and holds nothing up", async () => {
  await submit(
    `echo "[$ANTHROPIC_API_KEY$HEADRACE_TOKEN]" >> ${dir}/told; test -e ${dir}/once || { touch ${dir}/once; exit 3; }; sleep 60`,
  );
  await store.append("r", [
    { type: "question.asked", question: "q1", text: "Tabs?", reason: "why not" },
    { type: "question.asked", question: "q2", text: "Spaces?", reason: "why not" },
  ]);
  await using notifier = open({ ANTHROPIC_API_KEY: "sk-1", HEADRACE_TOKEN: "token" });
  await notifier.start();
  await notifier[Symbol.asyncDispose]();
  expect(await told()).toEqual(["[]", "[]"]);
  expect(logged).toEqual([
    "notify for r (question): exit 3",
    "notify for r (question): ended after 2 s",
  ]);
});
