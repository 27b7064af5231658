import { globMatcher, globProblem, globsOverlap } from "./glob.ts";
import type { PlanProposal, Task } from "./plan.ts";
import { findCycle, reach, waves } from "./plan-graph.ts";
import { unverifiable } from "./plan-verifiable.ts";
import type { Policy } from "./policy.ts";
import { findQuote } from "./quote.ts";
import type { TaskRow } from "./run-state.ts";
import type { Requirement } from "./spec.ts";

/** More tasks than this at once are not a plan but a list: conflicts eat what parallel work gains. */
const MAX_WIDTH = 16;
/** Tasks of all versions together, so that replanning cannot grow without end. */
const MAX_TASKS = 120;

/** Steps, questions and conversations that belong to no task are named by these. */
const OWN_SUBJECTS: ReadonlySet<string> = new Set(["plan", "end"]);

/** What the check needs of a task of an earlier version. */
export type PlannedTask = Pick<TaskRow, "id" | "status" | "task">;

/** What a proposal is checked against. */
export type PlanContext = {
  /** requirements already known: listed by the spec, or accepted with an earlier version */
  listed: readonly Requirement[];
  /** text of the spec, in which the quotes of proposed requirements must stand */
  spec: string;
  policy: Policy;
  /** rows of earlier plan versions; empty for the first plan */
  tasks: Readonly<Record<string, PlannedTask>>;
  /** requirements that acceptance found unmet */
  unmet?: readonly string[];
};

/**
 * The policy the proposal would freeze: setup and gates come from it only where nothing before it gave any.
 * Once a plan has decided, even for no setup, later versions change nothing.
 */
export const planPolicy = (policy: Policy, proposal: PlanProposal): Policy => {
  const { gates, setup } = policy.from;
  return {
    ...policy,
    gates: gates === "none" ? proposal.gates : policy.gates,
    setup: setup === "none" ? proposal.setup : policy.setup,
    from: {
      gates: gates === "none" ? "plan" : gates,
      setup: setup === "none" ? "plan" : setup,
    },
  };
};

/** The requirements of a checked proposal: the listed ones, else the proposed ones at their quotes. */
export const planRequirements = (
  proposal: PlanProposal,
  listed: readonly Requirement[],
  spec: string,
): Requirement[] => {
  if (listed.length > 0) return [...listed];
  return proposal.requirements.map(({ id, text, quote }) => {
    const span = findQuote(spec, quote);
    if (span === undefined) throw new Error(`the quote of requirement ${id} is not in the spec`);
    return { id, text, span, source: "proposed" };
  });
};

const repeated = (ids: readonly string[]): string[] => [
  ...new Set(ids.filter((id, i) => ids.indexOf(id) !== i)),
];

/** Tasks whose work stands or is under way: a new version may count on them. */
const landedIn = (context: PlanContext): PlannedTask[] =>
  Object.values(context.tasks).filter((row) => row.status === "landed");

const checkIds = ({ tasks }: PlanProposal, context: PlanContext): string[] => {
  const problems = repeated(tasks.map((t) => t.id)).map(
    (id) => `Task id ${id} is used more than once: give every task an id of its own.`,
  );
  for (const task of tasks) {
    if (OWN_SUBJECTS.has(task.id))
      problems.push(`Task id ${task.id} is the factory's own word: give the task another id.`);
    const row = Object.hasOwn(context.tasks, task.id) ? context.tasks[task.id] : undefined;
    if (row?.status === "quarantined" || row?.status === "dropped")
      problems.push(
        `Task ${task.id} was ${row.status} in an earlier version: describe the work under a new id.`,
      );
    else if (
      row !== undefined &&
      row.status !== "blocked" &&
      JSON.stringify(row.task) !== JSON.stringify(task)
    )
      problems.push(
        row.status === "landed"
          ? `Task ${task.id} has landed: leave it out, or repeat it unchanged and put what is missing into a new task.`
          : `Task ${task.id} is being built: repeat it unchanged, or leave it out to drop it.`,
      );
  }
  const all = new Set([...Object.keys(context.tasks), ...tasks.map((t) => t.id)]);
  if (all.size > MAX_TASKS)
    problems.push(
      `All plan versions together have ${all.size} tasks, at most ${MAX_TASKS} are allowed: join small tasks.`,
    );
  const replan = Object.keys(context.tasks).length > 0;
  const landed = new Set(landedIn(context).map((row) => row.id));
  if (replan && tasks.every((t) => landed.has(t.id)))
    problems.push("Every task of this version has already landed: add tasks for what is unmet.");
  return problems;
};

const checkGraph = ({ tasks }: PlanProposal, context: PlanContext): string[] => {
  const known = new Set([...tasks.map((t) => t.id), ...landedIn(context).map((row) => row.id)]);
  const problems = tasks.flatMap((task) =>
    task.blockedBy
      .filter((id) => !known.has(id))
      .map(
        (id) =>
          `Task ${task.id} is blocked by ${id}, which is no task of this plan and has not landed: name an existing task or remove it.`,
      ),
  );
  const cycle = findCycle(tasks);
  if (cycle !== undefined)
    return [
      ...problems,
      `Tasks wait for each other in a cycle, ${cycle.join(" -> ")} (each is blocked by the next): remove one of these blockers.`,
    ];
  const widest = waves(tasks).reduce((a, b) => (b.length > a.length ? b : a), []);
  if (widest.length > MAX_WIDTH)
    problems.push(
      `${widest.length} tasks could run at once (${widest.slice(0, 5).join(", ")}, ...), at most ${MAX_WIDTH} are allowed: join tasks or order them with blockedBy.`,
    );
  return problems;
};

const checkProposed = ({ requirements }: PlanProposal, context: PlanContext): string[] => {
  if (context.listed.length > 0) {
    const known = new Set(context.listed.map((r) => r.id));
    const extra = requirements.filter((r) => !known.has(r.id)).map((r) => r.id);
    return extra.length === 0
      ? []
      : [
          `The requirements are already fixed (${[...known].join(", ")}): remove the proposed ${extra.join(", ")}.`,
        ];
  }
  if (requirements.length === 0)
    return ["The spec lists no requirements: propose them, each with a sentence quoted from it."];
  return [
    ...repeated(requirements.map((r) => r.id)).map(
      (id) => `Requirement id ${id} is used more than once: give every requirement its own.`,
    ),
    ...requirements
      .filter((r) => findQuote(context.spec, r.quote) === undefined)
      .map(
        (r) =>
          `The quote of requirement ${r.id} does not stand in the spec: copy one sentence of it word for word.`,
      ),
  ];
};

/** What acceptance found unmet is not met by work that had landed then. */
const checkUnmet = ({ tasks }: PlanProposal, context: PlanContext): string[] => {
  const landed = new Set(landedIn(context).map((row) => row.id));
  const fresh = new Set(tasks.filter((t) => !landed.has(t.id)).flatMap((t) => t.requirements));
  return (context.unmet ?? [])
    .filter((id) => !fresh.has(id))
    .map(
      (id) =>
        `Requirement ${id} was found unmet after its tasks had landed: give it a task that is still to be built.`,
    );
};

const checkCoverage = (proposal: PlanProposal, context: PlanContext): string[] => {
  const { tasks } = proposal;
  const wanted = context.listed.length > 0 ? context.listed : proposal.requirements;
  const known = new Set(wanted.map((r) => r.id));
  const covered = new Set(
    [...tasks, ...landedIn(context).map((row) => row.task)].flatMap((t) => t.requirements),
  );
  const byId = new Map(tasks.map((t) => [t.id, t]));
  const useful = reach(
    tasks.filter((t) => t.requirements.some((id) => known.has(id))).map((t) => t.id),
    (id) => byId.get(id)?.blockedBy ?? [],
  );
  return [
    ...tasks.flatMap((task) =>
      task.requirements
        .filter((id) => !known.has(id))
        .map(
          (id) =>
            `Task ${task.id} names requirement ${id}, which does not exist: use ${[...known].join(", ") || "proposed ones"}.`,
        ),
    ),
    ...[...known]
      .filter((id) => !covered.has(id))
      .map((id) => `Requirement ${id} is covered by no task: name it in the task that meets it.`),
    ...tasks
      .filter((task) => !useful.has(task.id))
      .map(
        (task) =>
          `Task ${task.id} serves no requirement and blocks no task that does: name its requirement or remove the task.`,
      ),
  ];
};

const checkPermit = (task: Task, permit: string, policy: Policy): string[] => {
  const [kind, value = ""] = permit.split(/:(.*)/s);
  if (kind === "gates" && !policy.gates.some((gate) => gate.name === value)) {
    const names = policy.gates.map((gate) => gate.name).join(", ");
    return [
      `Task ${task.id} permits ${permit}, but no gate has that name: use one of ${names || "the gates you propose"}.`,
    ];
  }
  if (kind !== "path") return [];
  const problem = globProblem(value);
  if (problem !== undefined) return [`Task ${task.id} permits ${permit}, which ${problem}.`];
  // one that starts anywhere meets every folder's glob; it is reached only by a permit that names it
  const closed = policy.protected.filter((glob) =>
    glob.startsWith("**/") ? globMatcher([glob])(value) : globsOverlap(glob, value),
  );
  return closed.length === 0
    ? []
    : [
        `Task ${task.id} permits ${permit}, which reaches the protected ${closed.join(", ")}: name a narrower path; protected files stay as they are.`,
      ];
};

const checkPolicy = (proposal: PlanProposal, context: PlanContext): string[] => {
  const policy = planPolicy(context.policy, proposal);
  const names = new Set([
    ...proposal.tasks.map((t) => t.id),
    ...landedIn(context).map((row) => row.id),
  ]);
  const problems = repeated(policy.gates.map((gate) => gate.name)).map(
    (name) => `Gate name ${name} is used more than once: give every gate a name of its own.`,
  );
  const idle = policy.gates.filter((gate) => gate.from !== undefined && !names.has(gate.from));
  if (context.policy.from.gates === "none")
    problems.push(
      ...idle.map(
        (gate) =>
          `Gate ${gate.name} starts from task ${gate.from}, which is no task of this plan: name the task after which it can pass.`,
      ),
    );
  if (idle.length === policy.gates.length)
    problems.push(
      context.policy.from.gates === "none"
        ? "No gate will apply at the end, so nothing could be verified: propose at least one gate whose command tests the work."
        : "No gate would apply at the end: keep the task from which a gate starts.",
    );
  else
    problems.push(
      ...unverifiable(
        proposal.tasks,
        policy.gates,
        new Set(landedIn(context).map((r) => r.id)),
      ).map(
        (id) =>
          `No gate applies yet when task ${id} is verified, so it could never land: let it wait for a task that a gate starts from.`,
      ),
    );
  for (const task of proposal.tasks)
    for (const permit of task.permits) problems.push(...checkPermit(task, permit, policy));
  return problems;
};

/**
 * Pre-flight of a proposed plan, in code: an empty list means that it can be accepted. Each entry is a sentence
 * for the planner that says what to change.
 */
export const checkPlan = (proposal: PlanProposal, context: PlanContext): string[] => [
  ...checkIds(proposal, context),
  ...checkGraph(proposal, context),
  ...checkProposed(proposal, context),
  ...checkCoverage(proposal, context),
  ...checkUnmet(proposal, context),
  ...checkPolicy(proposal, context),
];
