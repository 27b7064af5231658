import {
  type AccountSums,
  BUDGET_NAMES,
  type BudgetLevel,
  type BudgetLimits,
  budgetRemedy,
  formatUsd,
  limitsOf,
  type Pico,
  type RunState,
} from "@headrace/domain";
import type { Command } from "../command.ts";

/** Of one account: what is settled, with what was reported above its reservations, what calls under way hold, and the most it may come to. */
type Used = { spentPico: number; heldPico: number; budgetPico?: Pico };

type TaskBudget = {
  task: string;
  spentPico: Pico;
  budgetPico?: Pico;
  attemptBudgetPico?: Pico;
  parked?: { level: BudgetLevel; budgetPico: Pico };
};

/** What a run may still spend, on every level; amounts in pico-dollars. */
export type BudgetReport = Used & {
  run: string;
  status: RunState["run"]["status"];
  /** whose budget stopped it */
  stoppedBy?: BudgetLevel;
  calls: number;
  tokens: { used: number; held: number; budget?: number };
  /** most that it may commit to within any hour */
  hourPico?: Pico;
  /** of all runs: since midnight (UTC), and ever */
  day: Used & { day: string };
  installation: Used;
  tasks: TaskBudget[];
};

type Configured = Pick<BudgetLimits, "total" | "day" | "hour">;

const NOTHING = {
  ...{ path: "", reserved: 0, settled: 0, excess: 0 },
  ...{ reservedTokens: 0, settledTokens: 0, excessTokens: 0 },
};

const usedOf = ({ settled, excess, reserved }: AccountSums, budget: Pico | undefined): Used => ({
  spentPico: settled + excess,
  heldPico: reserved,
  ...(budget === undefined ? {} : { budgetPico: budget }),
});

/** `accounts`: those above the run, and its own, widest first. */
export const budgetReport = (
  state: RunState,
  [all = NOTHING, today = NOTHING, own = NOTHING]: readonly AccountSums[],
  { configured, day }: { configured: Configured; day: string },
): BudgetReport => {
  const { run, tasks } = state;
  const limits = limitsOf(state, {}, configured);
  return {
    ...{ run: run.id, status: run.status, calls: run.calls },
    ...(run.stoppedBy === undefined ? {} : { stoppedBy: run.stoppedBy }),
    ...{ spentPico: run.spent, heldPico: own.reserved, budgetPico: run.budget },
    tokens: {
      used: own.settledTokens + own.excessTokens,
      held: own.reservedTokens,
      ...(limits.tokens === undefined ? {} : { budget: limits.tokens }),
    },
    ...(limits.hour === undefined ? {} : { hourPico: limits.hour }),
    day: { day, ...usedOf(today, configured.day) },
    installation: usedOf(all, configured.total),
    tasks: Object.values(tasks).map(({ id, spent, parked }): TaskBudget => {
      const { task, attempt } = limitsOf(state, { task: id }, configured);
      return {
        ...{ task: id, spentPico: spent },
        ...(task === undefined ? {} : { budgetPico: task }),
        ...(attempt === undefined ? {} : { attemptBudgetPico: attempt }),
        ...(parked && { parked: { level: parked.level, budgetPico: parked.budget } }),
      };
    }),
  };
};

const amounts = ({ spentPico, heldPico, budgetPico }: Used): string =>
  [
    formatUsd(spentPico),
    ...(budgetPico === undefined ? [] : [`of ${formatUsd(budgetPico)}`]),
    ...(heldPico === 0 ? [] : [`(calls under way hold ${formatUsd(heldPico)})`]),
  ].join(" ");

const tokensOf = ({ used, held, budget }: BudgetReport["tokens"]): string =>
  [
    `${used}`,
    ...(budget === undefined ? [] : [`of ${budget}`]),
    ...(held === 0 ? [] : [`(calls under way hold ${held})`]),
  ].join(" ");

/** What lets a run go on that a budget of this level has stopped, as lines below what says so. */
export const remedyLines = (run: string, level: BudgetLevel, command: Command): string[] => {
  const { field, line } = budgetRemedy(level, { run });
  if (field === undefined)
    return [`  raise ${BUDGET_NAMES[level]} budget and go on: ${command(line)}`];
  return [
    `  raise budgets.${field} in config.yaml, and end the factory that has read it: ${command("stop")}`,
    `  go on:   ${command(line)}`,
  ];
};

/** A report for people: what is spent of what, and what lets go on what stands still. */
export const budgetLines = (report: BudgetReport, command: Command): string[] => {
  const { run, status, calls, tokens, hourPico, day, installation, tasks } = report;
  const rows: Array<readonly [name: string, what: string]> = [
    ["tokens", tokensOf(tokens)],
    ...(hourPico === undefined
      ? []
      : [["an hour", `at most ${formatUsd(hourPico)} of this run`] as const]),
    ["today", `${amounts(day)} by all runs`],
    ["ever", `${amounts(installation)} by all runs`],
    ...tasks.map((task) => [task.task, aboutTask(task)] as const),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const { stoppedBy = "run" } = report;
  return [
    `run ${run} has spent ${amounts(report)} in ${calls} calls`,
    ...rows.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`),
    ...(status === "budget" ? remedyLines(run, stoppedBy, command) : []),
    ...tasks.flatMap(({ task, parked }) =>
      parked === undefined
        ? []
        : [`  let ${task} go on: ${command(budgetRemedy(parked.level, { run, task }).line)}`],
    ),
  ];
};

const aboutTask = ({ spentPico, budgetPico, attemptBudgetPico, parked }: TaskBudget): string => {
  const used = { spentPico, heldPico: 0, ...(budgetPico === undefined ? {} : { budgetPico }) };
  return [
    amounts(used),
    ...(attemptBudgetPico === undefined
      ? []
      : [`at most ${formatUsd(attemptBudgetPico)} an attempt`]),
    ...(parked === undefined
      ? []
      : [
          `parked: its ${parked.level}'s ${formatUsd(parked.budgetPico)} cannot hold its next call`,
        ]),
  ].join(", ");
};
