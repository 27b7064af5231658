import type { BudgetLevel } from "./budget.ts";
import { PRODUCT } from "./product.ts";

/** Whose budget it is, as it stands before the word. */
export const BUDGET_NAMES: Record<BudgetLevel, string> = {
  installation: "the installation's total",
  day: "today's",
  hour: "this hour's",
  run: "the run's",
  task: "the task's",
  attempt: "the attempt's",
  tokens: "the run's token",
};

/** What a person does about a used budget: sets a field of `budgets` in config.yaml, if it is one of these, and types a line. */
export type BudgetRemedy = { field?: "total" | "day" | "hour"; line: string };

const FIELDS = { installation: "total", day: "day", hour: "hour" } as const;

/** What lets a run, or its task, go on after the budget of this level was used. */
export const budgetRemedy = (
  level: BudgetLevel,
  { run, task }: { run: string; task?: string },
): BudgetRemedy => {
  switch (level) {
    case "run":
      return { line: `budget ${run} --raise USD` };
    case "tokens":
      return { line: `budget ${run} --raise-tokens N` };
    case "task":
    case "attempt":
      return { line: `budget ${run} --raise USD --task ${task}` };
    case "installation":
    case "day":
    case "hour":
      return { field: FIELDS[level], line: `resume ${run}` };
  }
};

/** The same as a sentence, with the product's commands between backticks. */
export const remedyWords = ({ field, line }: BudgetRemedy): string =>
  field === undefined
    ? `Raise it: \`${PRODUCT} ${line}\``
    : `Raise \`budgets.${field}\` in config.yaml of the data directory, restart the factory (\`${PRODUCT} stop\`), then \`${PRODUCT} ${line}\``;
