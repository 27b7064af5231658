import { z } from "zod";
import type { MachineTime } from "./checks.ts";
import { Pico } from "./money.ts";
import type { PlanProposal, Task } from "./plan.ts";
import { waves } from "./plan-graph.ts";
import {
  type Experience,
  type Job,
  jobOf,
  MERGED_SHARE,
  type Span,
  triesOf,
} from "./preview-jobs.ts";
import {
  type Candidate,
  candidateKey,
  type PinnedRoutes,
  type RouteOverride,
  routeFor,
} from "./route.ts";
import { Role } from "./steps.ts";
import { type TokenUsage, totalTokens } from "./usage.ts";

const count = z.number().int().nonnegative();

/** Whole numbers: `low` and `high` should hold in nine cases of ten. */
export const Range = z.object({ low: count, likely: count, high: count });
export type Range = z.infer<typeof Range>;

/** What a plan is expected to take from its acceptance to the end of the run, where no other version follows it. */
export const Preview = z.object({
  /** the fan-out: tasks still to be built, how many of them may run at once, how many wait for one another in a row */
  tasks: count,
  width: count,
  depth: count,
  /** model calls, and tokens of all classes */
  calls: Range,
  tokens: Range,
  /** from the first task's start to the end of the last one, in milliseconds */
  ms: Range,
  /** in pico-dollars; absent where a model that is likely used has no price */
  cost: Range.optional(),
  /** candidates without a price, as `<provider>/<model>` */
  unpriced: z.array(z.string()),
  /** what the run had taken before: planning, and earlier versions */
  before: z.object({ tokens: count, cost: Pico }),
  roles: z.array(
    z.object({
      role: Role,
      /** candidates that the estimate is for */
      models: z.array(z.string()),
      calls: count,
      tokens: count,
      cost: Pico.optional(),
      /** earlier jobs of this installation it rests on; 0: a prior, which nothing has shown yet */
      samples: count,
    }),
  ),
});
export type Preview = z.infer<typeof Preview>;

export type PreviewFacts = {
  plan: PlanProposal;
  /** tasks of earlier versions that are not built again */
  landed: ReadonlySet<string>;
  routes: PinnedRoutes;
  overrides: readonly RouteOverride[];
  machineTime: MachineTime;
  experience: Experience;
  /** agents' jobs that the factory does at once */
  slots: number;
  before: Preview["before"];
  /** of the usage, at today's prices; undefined without a price */
  price(candidate: Candidate, usage: TokenUsage): Pico | undefined;
};

/** So many jobs of one kind, for a task or for the run. */
type Line = {
  role: Role;
  candidate: Candidate;
  times: Span<number>;
  job: Span<Job>;
  samples: number;
};

/** Where nothing is known but a prior, all of it may be wrong in the same direction by this share. */
const DOUBT = 0.5;

const ONCE: Span<number> = { low: 1, likely: 1, high: 1 };
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const whole = (usage: TokenUsage): TokenUsage => ({
  input: Math.ceil(usage.input),
  cacheWrite5m: Math.ceil(usage.cacheWrite5m),
  cacheWrite1h: Math.ceil(usage.cacheWrite1h),
  cacheRead: Math.ceil(usage.cacheRead),
  output: Math.ceil(usage.output),
});

/** The candidate that a job is likely done by. */
const likelyCandidate = (
  { routes, overrides, price }: PreviewFacts,
  role: Role,
  task: string | undefined,
  { likely }: Span<Job>,
): Candidate => {
  const { candidates, order } = routeFor(routes, overrides, role, task);
  const priceOf = (candidate: Candidate) =>
    price(candidate, whole(likely.usage)) ?? Number.POSITIVE_INFINITY;
  const sorted =
    order === "cheapest" ? candidates.toSorted((a, b) => priceOf(a) - priceOf(b)) : candidates;
  return sorted[0] as Candidate;
};

/** None for a role that the run has no route for: older logs need not name all, and a projection fails nothing. */
const lineOf = (facts: PreviewFacts, role: Role, times: Span<number>, task?: Task): Line[] => {
  if (facts.routes[role] === undefined) return [];
  const { job, samples } = jobOf(facts.experience, role, task?.permits.length ?? 0);
  return [{ role, times, job, samples, candidate: likelyCandidate(facts, role, task?.id, job) }];
};

const linesOf = (facts: PreviewFacts, task: Task): Line[] => {
  const tries = triesOf(facts.experience);
  return [
    ...(task.research === undefined ? [] : lineOf(facts, "researcher", ONCE, task)),
    ...lineOf(facts, "coder", tries, task),
    ...lineOf(facts, "reviewer", tries, task),
    ...lineOf(facts, "merger", MERGED_SHARE, task),
  ];
};

type Measure = (line: Line, at: keyof Span<number>) => number;

/**
 * The sum over parts. They vary each on its own, so their spreads add up as squares; what rests on priors may be wrong
 * for all of them alike, which adds its share of the whole.
 */
const rangeOf = (parts: readonly (readonly Line[])[], measure: Measure): Range => {
  const at = (lines: readonly Line[], which: keyof Span<number>) =>
    sum(lines.map((line) => measure(line, which)));
  const likely = sum(parts.map((lines) => at(lines, "likely")));
  const unproven = parts.flat().filter(({ samples }) => samples === 0);
  const doubt = DOUBT * at(unproven, "likely");
  const spread = (which: "low" | "high") =>
    Math.hypot(doubt, ...parts.map((lines) => at(lines, which) - at(lines, "likely")));
  const least = sum(parts.map((lines) => at(lines, "low")));
  return {
    low: Math.floor(Math.min(likely, Math.max(least, likely - spread("low")))),
    likely: Math.round(likely),
    high: Math.ceil(likely + spread("high")),
  };
};

/** Gates and further checks of all tasks; each attempt is verified, and what lands once more. */
const machineMs = ({ machineTime, experience }: PreviewFacts): Span<number> => {
  const { tasks, gatesMs, checksMs } = machineTime;
  const tries = triesOf(experience);
  return {
    low: tasks * 2 * gatesMs,
    likely: tasks * (tries.likely * (gatesMs + checksMs) + gatesMs),
    high: tasks * (tries.high * (gatesMs + checksMs) + gatesMs),
  };
};

/** All work done by so many at once, or the longest chain of tasks one after another, whichever takes longer. */
const wallOf = (
  facts: PreviewFacts,
  work: Range,
  fan: Pick<Preview, "tasks" | "width" | "depth">,
): Range => {
  if (fan.tasks === 0) return work;
  const machine = machineMs(facts);
  const lanes = Math.max(1, Math.min(fan.width, facts.slots));
  const wall = (at: keyof Range) =>
    Math.round((work[at] + machine[at]) * Math.max(fan.depth / fan.tasks, 1 / lanes));
  return { low: wall("low"), likely: wall("likely"), high: wall("high") };
};

const rolesOf = (
  lines: readonly Line[],
  cost: (line: Line) => number | undefined,
): Preview["roles"] =>
  [...Map.groupBy(lines, ({ role }) => role)].map(([role, own]) => {
    const costs = own.map(cost);
    const known = costs.every((one) => one !== undefined);
    return {
      role,
      models: [...new Set(own.map(({ candidate }) => candidateKey(candidate)))],
      calls: Math.round(sum(own.map(({ times, job }) => times.likely * job.likely.calls))),
      tokens: Math.round(
        sum(own.map(({ times, job }) => times.likely * totalTokens(job.likely.usage))),
      ),
      ...(known ? { cost: Math.round(sum(costs)) } : {}),
      samples: own[0]?.samples ?? 0,
    };
  });

/** The projection of a plan that was accepted and of which nothing has been begun. */
export const previewOf = (facts: PreviewFacts): Preview => {
  const tasks = facts.plan.tasks.filter(({ id }) => !facts.landed.has(id));
  const levels = waves(tasks);
  const fan = {
    tasks: tasks.length,
    width: Math.max(0, ...levels.map((level) => level.length)),
    depth: levels.length,
  };
  const parts = [...tasks.map((task) => linesOf(facts, task)), lineOf(facts, "reviewer", ONCE)];
  const lines = parts.flat();
  const costAt = ({ candidate, times, job }: Line, at: keyof Span<number>): number | undefined => {
    const price = facts.price(candidate, whole(job[at].usage));
    return price === undefined ? undefined : times[at] * price;
  };
  const free = lines.filter((line) => costAt(line, "likely") === undefined);
  const unpriced = [...new Set(free.map(({ candidate }) => candidateKey(candidate)))];
  const work = rangeOf(parts, ({ times, job }, at) => times[at] * job[at].ms);
  return {
    ...fan,
    calls: rangeOf(parts, ({ times, job }, at) => times[at] * job[at].calls),
    tokens: rangeOf(parts, ({ times, job }, at) => times[at] * totalTokens(job[at].usage)),
    ms: wallOf(facts, work, fan),
    ...(unpriced.length === 0 ? { cost: rangeOf(parts, (line, at) => costAt(line, at) ?? 0) } : {}),
    unpriced,
    before: facts.before,
    roles: rolesOf(lines, (line) => costAt(line, "likely")),
  };
};
