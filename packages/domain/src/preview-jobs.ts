import type { CallRow } from "./ports/ledger.ts";
import type { RunState, StepRow } from "./run-state.ts";
import type { Role } from "./steps.ts";
import { addUsage, NO_USAGE, type TokenUsage, totalTokens } from "./usage.ts";

/** Three guesses of one thing: in nine of ten cases it should lie between `low` and `high`. */
export type Span<T> = { low: T; likely: T; high: T };

/** One agent's job, or the mean of several. */
export type Job = { calls: number; usage: TokenUsage; ms: number };

/** What an installation has seen of itself. */
export type Experience = {
  /** jobs that a landed task, or an acceptance, was made of */
  jobs: Readonly<Partial<Record<Role, readonly Job[]>>>;
  /** attempts that tasks took until they landed or were given up */
  tries: readonly number[];
};

type Prior = {
  calls: Span<number>;
  /** tokens of the first prompt: tools, system, brief and what is read at first */
  opening: number;
  /** tokens that each turn adds to the prompt: the reply before it and the results of its tools */
  growth: number;
  /** output tokens of a turn */
  output: number;
  /** of a turn: the reply and the tools it calls */
  seconds: Span<number>;
};

/**
 * What a job is taken to be while there is no experience. None of it is measured: no live model has been run with these
 * prompts yet (README, "What has not been run yet"). Openings are the prompts' own sizes and room for what briefs hold; the
 * rest are round figures below the limits of agents/shared/limits.ts. Set in 2026-11.
 */
export const PRIORS: Readonly<Record<Role, Prior>> = {
  planner: {
    calls: { low: 6, likely: 14, high: 35 },
    ...{ opening: 9_000, growth: 2_500, output: 900 },
    seconds: { low: 8, likely: 15, high: 40 },
  },
  researcher: {
    calls: { low: 5, likely: 12, high: 28 },
    ...{ opening: 6_000, growth: 2_500, output: 400 },
    seconds: { low: 5, likely: 10, high: 25 },
  },
  coder: {
    calls: { low: 10, likely: 25, high: 60 },
    ...{ opening: 8_000, growth: 2_000, output: 600 },
    seconds: { low: 7, likely: 15, high: 40 },
  },
  reviewer: {
    calls: { low: 3, likely: 8, high: 20 },
    ...{ opening: 10_000, growth: 2_500, output: 500 },
    seconds: { low: 6, likely: 12, high: 30 },
  },
  merger: {
    calls: { low: 6, likely: 15, high: 40 },
    ...{ opening: 10_000, growth: 2_000, output: 500 },
    seconds: { low: 6, likely: 12, high: 30 },
  },
};

/** Attempts of a task, and the share of tasks whose change needs a merger; priors as well. */
const PRIOR_TRIES: Span<number> = { low: 1, likely: 1.4, high: 2 };
export const MERGED_SHARE: Span<number> = { low: 0, likely: 0.1, high: 0.5 };

/** Turns that a coder needs more for each permit: to install, or to change what checks it. A prior. */
const PERMIT_CALLS: Span<number> = { low: 1, likely: 3, high: 8 };

/** With fewer of them than this a mean says too little, and the prior is taken. */
const ENOUGH = 5;

const eachOf = <T>(make: (at: keyof Span<T>) => T): Span<T> => ({
  low: make("low"),
  likely: make("likely"),
  high: make("high"),
});

/** A conversation of so many turns that reads all of what came before from the cache and writes what is new to it. */
const conversation = (calls: number, prior: Prior, seconds: number): Job => ({
  calls,
  usage: {
    ...NO_USAGE,
    cacheWrite5m: prior.opening + (calls - 1) * prior.growth,
    cacheRead: (calls - 1) * prior.opening + (prior.growth * (calls - 1) * (calls - 2)) / 2,
    output: calls * prior.output,
  },
  ms: calls * seconds * 1000,
});

/** The job as it is without experience; `permits` of the task make a coder's longer. */
const priorJob = (role: Role, permits: number): Span<Job> => {
  const prior = PRIORS[role];
  return eachOf((at) => {
    const more = role === "coder" ? permits * PERMIT_CALLS[at] : 0;
    return conversation(prior.calls[at] + more, prior, prior.seconds[at]);
  });
};

const scaled = (usage: TokenUsage, by: number): TokenUsage => ({
  input: usage.input * by,
  cacheWrite5m: usage.cacheWrite5m * by,
  cacheWrite1h: usage.cacheWrite1h * by,
  cacheRead: usage.cacheRead * by,
  output: usage.output * by,
});

const meanOf = (jobs: readonly Job[]): Job => {
  const share = 1 / jobs.length;
  const sum = (of: (job: Job) => number) => jobs.reduce((total, job) => total + of(job), 0);
  return {
    calls: sum(({ calls }) => calls) * share,
    usage: scaled(jobs.map(({ usage }) => usage).reduce(addUsage, NO_USAGE), share),
    ms: sum(({ ms }) => ms) * share,
  };
};

/** The value that a tenth of them, or nine tenths, do not pass; they are sorted. */
const quantile = <T>(sorted: readonly T[], share: number): T =>
  sorted[Math.round((sorted.length - 1) * share)] as T;

/** What a job of the role comes to, and how many earlier ones say so: none where it is a prior. */
export const jobOf = (
  { jobs }: Experience,
  role: Role,
  permits: number,
): { job: Span<Job>; samples: number } => {
  const known = (jobs[role] ?? []).toSorted((a, b) => totalTokens(a.usage) - totalTokens(b.usage));
  if (known.length < ENOUGH) return { job: priorJob(role, permits), samples: 0 };
  const job = { low: quantile(known, 0.1), likely: meanOf(known), high: quantile(known, 0.9) };
  return { job, samples: known.length };
};

/** Attempts of a task. */
export const triesOf = ({ tries }: Experience): Span<number> => {
  if (tries.length < ENOUGH) return PRIOR_TRIES;
  const sorted = tries.toSorted((a, b) => a - b);
  const likely = sorted.reduce((sum, n) => sum + n, 0) / sorted.length;
  return { low: quantile(sorted, 0.1), likely, high: quantile(sorted, 0.9) };
};

const jobFrom = (calls: readonly CallRow[]): Job => {
  const times = calls.flatMap(({ at, settledAt = at }) => [Date.parse(at), Date.parse(settledAt)]);
  return {
    calls: calls.length,
    usage: calls.map(({ usage = NO_USAGE }) => usage).reduce(addUsage, NO_USAGE),
    ms: Math.max(...times) - Math.min(...times),
  };
};

/** A job that shows what the next one like it may take: it came to its end, in a task that landed or for the run. */
const isTelling = ({ task, result }: StepRow, { tasks }: RunState): boolean =>
  result?.kind === "agent" &&
  result.result.end === "submitted" &&
  (task === undefined || tasks[task]?.status === "landed");

/** What runs and their calls show. Calls that were released, or are still open, are none. */
export const experienceOf = (
  runs: readonly { state: RunState; calls: readonly CallRow[] }[],
): Experience => {
  const jobs: Partial<Record<Role, Job[]>> = {};
  for (const { state, calls } of runs) {
    const made = calls.filter(({ state: s }) => s === "settled" || s === "estimated");
    for (const [step, own] of Map.groupBy(made, (call) => call.step)) {
      const row = state.steps[step];
      if (row?.role === undefined || !isTelling(row, state)) continue;
      jobs[row.role] = [...(jobs[row.role] ?? []), jobFrom(own)];
    }
  }
  const over = runs.flatMap(({ state: { tasks } }) =>
    Object.values(tasks).filter(({ status }) => status === "landed" || status === "quarantined"),
  );
  return { jobs, tries: over.flatMap(({ attempts }) => (attempts === 0 ? [] : [attempts])) };
};
