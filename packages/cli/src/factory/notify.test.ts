import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NewEvent, PlanVersion, type Store } from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { submitted } from "../../../../test/contract/suites/store-fixtures.ts";
import { NO_GATES } from "../../../../test/support/control-rig.ts";
import { task } from "../../../../test/support/script.ts";
import { createNotifier } from "./notify.ts";

const DAY_MS = 24 * 60 * 60_000;

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

const requested = (step: string): NewEvent => ({
  ...{ type: "step.requested", step, subject: "a", thread: { kind: "task", id: "a" } },
  input: { kind: "environment", commit: "a".repeat(40) },
});

test("a parked task is told, and one wait for tomorrow, however many steps wait for it", async () => {
  await using notifier = open();
  await notifier.start();
  await submit();
  const at = Date.now();
  const wait = (step: string, ms: number) => {
    const until = new Date(at + ms).toISOString();
    return { type: "step.deferred", step, until, reason: "today's budget is used" } as const;
  };
  const parked = { type: "budget.parked", level: "task", reason: "used", budget: 5 } as const;
  const plan = PlanVersion.parse({ version: 1, summary: "One task.", tasks: [task("a")] });
  const accepted = { version: 1, requirements: [], policy: NO_GATES, policyHash: "0".repeat(64) };
  await store.append("r", [
    { type: "run.started" },
    { type: "plan.proposed", plan, round: 1 },
    { type: "plan.accepted", ...accepted },
  ]);
  for (const step of ["s0", "s1", "s2"]) await store.append("r", [requested(step)]);
  await store.append("r", [{ ...parked, task: "a" }, wait("s0", 60_000)]);
  await store.append("r", [wait("s1", DAY_MS)]);
  await store.append("r", [wait("s2", DAY_MS)]);
  await notifier[Symbol.asyncDispose]();
  expect(await told()).toEqual([
    expect.stringMatching(/^parked: task a: stands still/),
    expect.stringMatching(/^deferred: waits until .* today's budget is used/),
  ]);
});

test("a provider that is out of credit is told, once, by whichever factory runs", async () => {
  await submit();
  const failed = { type: "model.failed", step: "s", role: "coder", class: "credit" } as const;
  for (const _boot of [1, 2]) {
    await using notifier = open();
    await notifier.start();
    await store.append("r", [{ type: "note.added", level: "warning", text: "look at the branch" }]);
    if ((await told()).length > 0) continue;
    await store.append("r", [
      { ...failed, reason: "402" },
      { type: "note.added", level: "warning", text: "add credit" },
    ]);
  }
  expect(await told()).toEqual(["provider: warning: add credit"]);
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
    `echo "[$ANTHROPIC_API_KEY$ANTHROPIC_AUTH_TOKEN$HEADRACE_TOKEN]" >> ${dir}/told; test -e ${dir}/once || { touch ${dir}/once; exit 3; }; sleep 60`,
  );
  await store.append("r", [
    { type: "question.asked", question: "q1", text: "Tabs?", reason: "why not" },
    { type: "question.asked", question: "q2", text: "Spaces?", reason: "why not" },
  ]);
  await using notifier = open({
    ANTHROPIC_API_KEY: "sk-1",
    ANTHROPIC_AUTH_TOKEN: "sk-2",
    HEADRACE_TOKEN: "token",
  });
  await notifier.start();
  await notifier[Symbol.asyncDispose]();
  expect(await told()).toEqual(["[]", "[]"]);
  expect(logged).toEqual([
    "notify for r (question): exit 3",
    "notify for r (question): ended after 2 s",
  ]);
});
