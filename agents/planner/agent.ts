import { bash, defineAgent, defineTerminal, fence, read, search } from "@headrace/agent";
import { checkPlan, PlanProposal, Policy, Requirement, Task } from "@headrace/domain";
import { z } from "zod";
import { AnswerFact, answersSection, protectedSection } from "../shared/facts.ts";
import { renderGuidance } from "../shared/guidance.ts";
import { READER_LIMITS } from "../shared/limits.ts";
import { bullets, page, section } from "../shared/page.ts";
import { promptOf } from "../shared/prompt.ts";

const PlannedTask = z.object({
  id: z.string(),
  status: z.enum(["blocked", "building", "waiting", "queued", "landed", "quarantined", "dropped"]),
  task: Task,
  /** why it was quarantined or dropped */
  reason: z.string().optional(),
});

export const PlannerBrief = z.object({
  title: z.string(),
  /** the whole spec file */
  spec: z.string(),
  /** requirements already fixed: listed by the spec, or accepted with an earlier version */
  requirements: z.array(Requirement),
  constraints: z.array(z.string()).default([]),
  policy: Policy,
  /** tasks of earlier plan versions */
  tasks: z.array(PlannedTask).default([]),
  /** requirements that acceptance found unmet, each with why */
  unmet: z.array(z.object({ requirement: z.string(), reason: z.string() })).default([]),
  /** the proposal before this one and what must change in it */
  rejected: z.object({ plan: PlanProposal.optional(), reasons: z.array(z.string()) }).optional(),
  answers: z.array(AnswerFact).default([]),
});
export type PlannerBrief = z.input<typeof PlannerBrief>;
type Brief = z.output<typeof PlannerBrief>;

export const planner = defineAgent({
  role: "planner",
  prompt: promptOf(import.meta.url),
  workTools: [bash, read, search],
  limits: { ...READER_LIMITS, turns: 50, outputTokens: 90_000, replyTokens: 24_000 },
  snapshots: false,
  brief: PlannerBrief,
  terminal: (brief) =>
    defineTerminal({
      name: "submit_plan",
      description:
        "Hands in the plan. It is checked by code at once; what is wrong comes back as this tool's error.",
      schema: PlanProposal,
      accept: (plan) =>
        checkPlan(plan, {
          listed: brief.requirements,
          spec: brief.spec,
          policy: brief.policy,
          tasks: Object.fromEntries(brief.tasks.map((row) => [row.id, row])),
          unmet: brief.unmet.map((u) => u.requirement),
        }),
    }),
  render: (brief, guidance) => ({
    guidance: renderGuidance(guidance, []),
    task: page(
      section(`Spec: ${brief.title}`, fence("spec", numbered(brief.spec))),
      requirementsOf(brief),
      section("Constraints", bullets(brief.constraints)),
      policyOf(brief),
      protectedSection(brief.policy.protected),
      tasksOf(brief),
      section(
        "Requirements found unmet",
        bullets(brief.unmet.map(({ requirement, reason }) => `${requirement}: ${reason}`)),
      ),
      answersSection(brief.answers),
      rejectedOf(brief),
    ),
  }),
});

const numbered = (spec: string): string =>
  spec
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(4)}  ${line}`)
    .join("\n");

const requirementsOf = ({ requirements }: Brief): string[] =>
  section(
    "Requirements",
    requirements.length === 0
      ? "The spec lists none: propose them, each with a sentence quoted from it."
      : `They are fixed; propose none.\n${bullets(
          requirements.map(
            ({ id, text, span }) => `${id} (lines ${span.from}-${span.to}): ${text}`,
          ),
        )}`,
  );

const policyOf = ({ policy }: Brief): string[] => [
  ...section(
    "Gates",
    policy.from.gates === "none"
      ? "None are known: propose them. One that cannot pass before a task has landed names that task in `from`."
      : bullets(
          policy.gates.map(
            ({ name, run, from }) => `${name}: \`${run}\`${from ? ` (from task ${from})` : ""}`,
          ),
        ),
  ),
  ...section(
    "Setup",
    policy.from.setup === "none"
      ? "None is known: propose the commands that install dependencies, if there are any."
      : bullets(policy.setup.map((command) => `\`${command}\``)) || "Nothing to install.",
  ),
];

const taskLine = ({ id, status, task, reason }: Brief["tasks"][number]): string =>
  `${id} (${status}): ${task.title}${reason === undefined ? "" : `; ${reason}`}`;

const SETTLED: ReadonlySet<string> = new Set(["landed", "dropped"]);

/** What has not landed in full, since it can be repeated only as it is, and replaced only by who knows it. */
const tasksOf = ({ tasks }: Brief): string[] => {
  const open = tasks.filter(({ status }) => !SETTLED.has(status)).map(({ task }) => task);
  return section(
    "Tasks of earlier versions",
    [
      bullets(tasks.map(taskLine)),
      ...(open.length === 0 ? [] : [fence("tasks", JSON.stringify(open, null, 1))]),
    ].join("\n\n"),
  );
};

const rejectedOf = ({ rejected }: Brief): string[] =>
  section(
    "Your proposal before this one was not accepted",
    rejected &&
      `${bullets(rejected.reasons)}${
        rejected.plan ? `\n\n${fence("plan", JSON.stringify(rejected.plan, null, 1))}` : ""
      }`,
  );
