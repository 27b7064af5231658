import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  accountsOf,
  type BudgetLevel,
  fromUsd,
  type NewEvent,
  PlanProposal,
  type Store,
} from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { played } from "../support/played-line.ts";
import { openShell, type Shell } from "../support/shell.ts";
import { call, called, claimed, submitted } from "./suites/store-fixtures.ts";

const LIMITS = { tokens: 2_000_000, hour: fromUsd(5), task: fromUsd(2), attempt: fromUsd(1) };

/** A run with a plan of the tasks `one` and `two`. */
const planned = (): NewEvent[] => {
  const first = submitted(fromUsd(20));
  if (first.type !== "run.submitted") throw new Error("a run begins with its submission");
  const { requirements, policy } = first;
  const plan = PlanProposal.parse({ summary: "As given.", tasks: [played("one"), played("two")] });
  return [
    { ...first, limits: LIMITS },
    { type: "plan.proposed", plan: { ...plan, version: 1 }, round: 1 },
    { type: "plan.accepted", version: 1, requirements, policy, policyHash: "0".repeat(64) },
    { type: "task.ready", task: "one" },
    { type: "task.ready", task: "two" },
  ];
};

/** One call of three dollars for `one`, one under way of half a dollar for `two`, which is then parked. */
const spentOn = async (store: Store, run: string): Promise<void> => {
  await store.append(run, planned());
  const limits = { ...LIMITS, run: fromUsd(20) };
  const begun = async (task: string, dollars: number) => {
    const step = `${run}-${task}`;
    const thread = { kind: "task" as const, id: task };
    const input = { kind: "environment" as const, commit: "c".repeat(40) };
    await store.append(run, [{ type: "step.requested", step, subject: task, task, thread, input }]);
    const fence = await claimed(store, run, step, 60_000);
    const cost = fromUsd(dollars);
    const accounts = accountsOf({ run, task }, { run: limits.run }, new Date());
    await store.reserve(fence, { ...call(`c-${step}`, cost, 50_000), task }, { accounts });
    return { fence, settle: called(step, `c-${step}`, cost), cost };
  };
  const { fence, settle, cost } = await begun("one", 3);
  const ended = { id: `c-${run}-one`, state: "settled" as const, cost };
  const usage = { input: 30_000, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 2_000 };
  await store.settle(fence, { ...ended, usage }, { events: [{ ...settle, task: "one" }] });
  await begun("two", 0.5);
  const parked = { level: "attempt", budget: fromUsd(1), reason: "the next call does not fit" };
  await store.append(run, [{ type: "budget.parked", task: "two", ...parked } as NewEvent]);
};

const STOPPED = ["run", "tokens", "installation", "day", "hour"] as const;

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
  await mkdir(shell.data, { recursive: true });
  await writeFile(
    join(shell.data, "config.yaml"),
    "budgets:\n  day: 50\n  total: 400\n  task: 9\n",
  );
  const store = await openStore({ file: join(shell.data, "headrace.db"), clock: createClock() });
  await spentOn(store, "r1");
  for (const level of STOPPED) {
    const stopped = { level: level satisfies BudgetLevel, reason: "the next call does not fit" };
    await store.append(`by-${level}`, [
      ...planned(),
      { type: "budget.stopped", ...stopped, spent: 0, budget: fromUsd(20) },
    ]);
  }
  await store.close();
});
afterAll(() => shell[Symbol.asyncDispose]());

const lines = (out: string): string[] => out.trimEnd().split("\n");

describe("headrace budget", () => {
  test("tells what is spent of every budget above a run, what calls hold, and what is parked", async () => {
    const { code, out, err } = await shell.headrace("budget", "r1");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(lines(out)).toEqual([
      "run r1 has spent $3.00 of $20.00 (calls under way hold $0.50) in 1 calls",
      "  tokens   32000 of 2000000 (calls under way hold 50000)",
      "  an hour  at most $5.00 of this run",
      "  today    $3.00 of $50.00 (calls under way hold $0.50) by all runs",
      "  ever     $3.00 of $400.00 (calls under way hold $0.50) by all runs",
      "  one      $3.00 of $2.00, at most $1.00 an attempt",
      "  two      $0.00 of $2.00, at most $1.00 an attempt, parked: its attempt's $1.00 cannot hold its next call",
      "  let two go on: headrace budget r1 --raise USD --task two",
    ]);
  });

  test("gives the same as data, in pico-dollars", async () => {
    const { out } = await shell.headrace("budget", "r1", "--json");
    expect(JSON.parse(out)).toMatchObject({
      ...{ run: "r1", spentPico: 3e12, heldPico: 5e11, budgetPico: 20e12, calls: 1 },
      tokens: { used: 32_000, held: 50_000, budget: 2_000_000 },
      ...{ hourPico: 5e12, day: { spentPico: 3e12, budgetPico: 50e12 } },
      installation: { spentPico: 3e12, heldPico: 5e11, budgetPico: 400e12 },
      tasks: [
        { task: "one", spentPico: 3e12, budgetPico: 2e12, attemptBudgetPico: 1e12 },
        { task: "two", parked: { level: "attempt", budgetPico: 1e12 } },
      ],
    });
  });

  test.each([
    ["run", /raise the run's budget and go on: headrace budget by-run --raise USD$/m],
    [
      "tokens",
      /raise the run's token budget and go on: headrace budget by-tokens --raise-tokens N$/m,
    ],
    ["installation", /raise budgets\.total in config\.yaml.*headrace stop\n.*headrace resume by-/],
    ["day", /raise budgets\.day in config\.yaml.*headrace stop\n.*headrace resume by-day$/m],
    ["hour", /raise budgets\.hour in config\.yaml.*headrace stop\n.*headrace resume by-hour$/m],
  ])(
    "names what lets a run go on that was stopped by %s, and so does its report",
    async (level, how) => {
      for (const verb of ["budget", "status", "watch"]) {
        const { code, out } = await shell.headrace(verb, `by-${level}`);
        expect(out, verb).toMatch(how);
        expect(code).toBe(verb === "watch" ? 4 : 0);
      }
    },
  );

  test.each([
    [["--task", "one"], "--task needs --raise USD"],
    [["--raise", "1", "--raise-tokens", "1m"], "are two raises"],
    [["--raise-tokens", "some"], "--raise-tokens some: expected a number of tokens above 0"],
    [["--raise", "0"], "--raise 0: expected dollars above 0"],
  ])("refuses %j, and starts no factory", async (options, problem) => {
    const { code, out, err } = await shell.headrace("budget", "r1", ...options);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(problem);
  });
});
