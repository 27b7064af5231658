import {
  candidateKey,
  formatUsd,
  formatWork,
  isSimulated,
  type KindSum,
  plainLine,
  type RunState,
  type SpendSum,
  type SpendTotals,
  type SpentCall,
  sumKinds,
  type TokenUsage,
  taskCounts,
  totalTokens,
} from "@headrace/domain";
import { compact } from "./duration.ts";
import { tableLines } from "./table.ts";

/** `68.3 %` of a whole; a dash where there is no whole. */
export const percent = (part: number, whole: number): string =>
  whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;

const WORDS: Readonly<Record<string, string>> = {
  inFlight: "in flight",
  failed_call: "failed calls",
  conflict_redo: "redone after conflicts",
  cache_miss: "cache missed",
};
const words = (name: string): string => WORDS[name] ?? name;

const inputOf = ({ input, cacheWrite5m, cacheWrite1h, cacheRead }: TokenUsage): number =>
  input + cacheWrite5m + cacheWrite1h + cacheRead;

/** A landed task costs what all that were begun have cost together: told beside what one of those did. */
const perTask = (settled: number, states: readonly RunState[]): string => {
  const { landed, dispatched } = taskCounts(states);
  const each = (tasks: number) => (tasks === 0 ? "-" : formatUsd(Math.round(settled / tasks)));
  return `${each(landed)} for each of ${landed} landed, ${each(dispatched)} for each of ${dispatched} dispatched`;
};

const worth = (work: number, worked: number, calls: number): string =>
  worked === 0
    ? ""
    : `, ${formatWork(work)} for ${worked} of them${calls === worked ? "" : " (the others have no reference price)"}`;

const kindsOf = (kinds: Partial<Record<string, number>>, whole: number): string =>
  Object.entries(kinds)
    .toSorted(([, a = 0], [, b = 0]) => b - a)
    .map(([kind, amount = 0]) => `${words(kind)} ${formatUsd(amount)} (${percent(amount, whole)})`)
    .join(", ");

const classLines = ({ settled, converted, overhead, waste, inFlight }: SpendTotals): string[] => {
  const line = (name: string, amount: number, kinds = "") =>
    `  ${name.padEnd(11)}${formatUsd(amount).padStart(9)} ${percent(amount, settled).padStart(8)}  ${kinds}`.trimEnd();
  return [
    line("converted", converted),
    line("overhead", sumKinds(overhead), kindsOf(overhead, settled)),
    line("waste", sumKinds(waste), kindsOf(waste, settled)),
    line("in flight", inFlight),
  ];
};

const settledLine = (settled: number, calls: string): string =>
  `  ${"cost".padEnd(11)}${formatUsd(settled).padStart(9)}${" ".repeat(11)}in ${calls}`;

const taskLine = (settled: number, states: readonly RunState[]): string =>
  `  ${"a task".padEnd(11)}${perTask(settled, states)}`;

const tokensLine = (usage: TokenUsage): string => {
  const { input, cacheWrite5m, cacheWrite1h, cacheRead, output } = usage;
  return [
    `  ${"tokens".padEnd(11)}${compact(totalTokens(usage))}: ${compact(input)} input`,
    `${compact(cacheWrite5m)} written to the cache for 5 minutes`,
    `${compact(cacheWrite1h)} for an hour`,
    `${compact(cacheRead)} read from it`,
    `${compact(output)} output`,
  ].join(", ");
};

/** Money that the classes do not show: what was asked above the reservations, and bills that say otherwise than we do. */
const asideLines = ({ excess, billed }: Pick<SpendSum, "excess" | "billed">): string[] => [
  ...(excess === 0
    ? []
    : [`  ${"excess".padEnd(11)}${formatUsd(excess)} was reported above what was reserved`]),
  ...(billed.calls === 0
    ? []
    : [
        `  ${"billed".padEnd(11)}${formatUsd(billed.cost)} by the provider's own word for ${billed.calls} calls, which are settled at ${formatUsd(billed.settled)}`,
      ]),
];

const NO_MONEY = "no model was called, no money was spent";

/** Of what some runs cost, what was pretended; nothing where all of it is money. */
const pretended = (states: readonly RunState[]): string => {
  const simulated = states.filter(({ run }) => isSimulated(run));
  if (simulated.length === 0) return "";
  if (simulated.length === states.length) return ` (simulated: ${NO_MONEY})`;
  const sum = simulated.reduce((all, { run }) => all + run.spent, 0);
  return ` (${formatUsd(sum)} of it in simulated runs, in which ${NO_MONEY})`;
};

/** What some runs cost and what it came to; every share is of what is settled. */
export const spendLines = (sum: SpendSum, states: readonly RunState[]): string[] => {
  const { settled, usage, calls, reported, work, worked } = sum;
  const cacheable = inputOf(usage);
  return [
    settledLine(settled, `${calls} calls${worth(work, worked, calls)}${pretended(states)}`),
    ...classLines(sum),
    taskLine(settled, states),
    tokensLine(usage),
    `  ${"cache".padEnd(11)}${percent(usage.cacheRead, cacheable)} of ${compact(cacheable)} input tokens were read from it`,
    `  ${"usage".padEnd(11)}reported by the provider for ${reported} of ${calls} calls`,
    ...asideLines(sum),
  ];
};

/** The same of one run as its log tells it. */
export const runSpendLines = (state: RunState): string[] => {
  const { spent, calls, spend, work, excess = 0 } = state.run;
  const { converted = 0, overhead = {}, waste = {} } = spend ?? {};
  const inFlight = spent - converted - sumKinds(overhead) - sumKinds(waste);
  const amounts = worth(work?.amount ?? 0, work?.calls ?? 0, calls);
  return [
    settledLine(spent, `${calls} calls${amounts}${pretended([state])}`),
    ...(spent === 0 ? [] : classLines({ settled: spent, converted, overhead, waste, inFlight })),
    ...(spent === 0 ? [] : [taskLine(spent, [state])]),
    ...asideLines({ excess, billed: { calls: 0, cost: 0, settled: 0 } }),
  ];
};

/** What calls are split by; a call of no task is its plan's, or of the end of its run. */
export const keysOf = {
  run: ({ call }: SpentCall): string => call.run,
  task: ({ subject }: SpentCall): string => subject,
  role: ({ call }: SpentCall): string => call.role,
  model: ({ call }: SpentCall): string => candidateKey(call),
} as const;

export type SplitRow = SpendSum & { key: string };

/** Spend that is split, a line each; `share` is of what is settled in all of them. */
export const splitLines = (by: string, rows: readonly SplitRow[]): string[] => {
  const whole = rows.reduce((sum, { settled }) => sum + settled, 0);
  const head = [by, "cost", "share", "converted", "overhead", "waste", "in flight"];
  const cells = rows.map((row) => [
    ...[plainLine(row.key, 60), formatUsd(row.settled), percent(row.settled, whole)],
    ...[row.converted, sumKinds(row.overhead), sumKinds(row.waste), row.inFlight].map(formatUsd),
    ...[row.worked === 0 ? "-" : formatWork(row.work), `${row.worked}/${row.calls}`],
    ...[percent(row.usage.cacheRead, inputOf(row.usage)), `${row.reported}/${row.calls}`],
  ]);
  return tableLines([...head, "work", "of calls", "cache read", "usage reported"], cells);
};

export const kindLines = (kinds: readonly KindSum[]): string[] => {
  const whole = kinds.reduce((sum, { amount }) => sum + amount, 0);
  const cells = kinds.map(({ as, kind, amount, calls, work, worked }) => [
    kind === undefined ? words(as) : `${words(as)}: ${words(kind)}`,
    ...[formatUsd(amount), percent(amount, whole)],
    ...[worked === 0 ? "-" : formatWork(work), `${worked}/${calls}`],
  ]);
  return tableLines(["kind", "cost", "share", "work", "of calls"], cells);
};
