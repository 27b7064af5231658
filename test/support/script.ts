import type { Finding, PlanProposal, RequirementClaim, Task } from "@headrace/domain";
import type { z } from "zod";

/** One conversation of a model script, as docs/model-script.md describes it. */
export type Conversation = Record<string, unknown>;

type Where = { attempt?: number; conversation?: number };
type Turn = { contains?: string | string[]; delayMs?: number; usage?: unknown };

const conversation = (
  role: string,
  task: string,
  where: Where,
  ...turns: Record<string, unknown>[]
): Conversation => ({
  role,
  task,
  attempt: where.attempt ?? 1,
  conversation: where.conversation ?? 1,
  turns,
});

/** The calls that write these files. */
export const writes = (files: Readonly<Record<string, string>>) =>
  Object.entries(files).map(([path, content]) => ({ write: { path, content } }));

/** A coder who writes these files and hands them in, all in one reply. */
export const codes = (
  task: string,
  files: Readonly<Record<string, string>>,
  at: Where & Turn = {},
): Conversation => {
  const { attempt, conversation: n, ...turn } = at;
  return conversation("coder", task, pick(attempt, n), {
    ...turn,
    calls: [...writes(files), { submit_change: { summary: `did ${task}` } }],
  });
};

/** A coder who writes in one turn and hands in with the next: a job with a middle. */
export const codesSlowly = (
  task: string,
  files: Readonly<Record<string, string>>,
  delayMs: number,
): Conversation =>
  conversation(
    "coder",
    task,
    {},
    { delayMs, calls: writes(files) },
    { delayMs, calls: [{ bash: { command: "ls" } }] },
    { delayMs, calls: [{ submit_change: { summary: `did ${task}` } }] },
  );

/** The role ends its job with `report_blocked`. */
export const blocked = (
  task: string,
  says: { reason: string; question?: string },
  at: Where & { files?: Readonly<Record<string, string>> } = {},
): Conversation =>
  conversation("coder", task, at, {
    calls: [...writes(at.files ?? {}), { report_blocked: says }],
  });

export const approves = (task: string, at: Where & Turn = {}): Conversation => {
  const { attempt, conversation: n, ...turn } = at;
  const verdict = { decision: "approve", summary: `${task} is right` };
  return conversation("reviewer", task, pick(attempt, n), {
    ...turn,
    calls: [{ submit_review: verdict }],
  });
};

export const rejects = (
  task: string,
  finding: z.input<typeof Finding>,
  at: Where = {},
): Conversation =>
  conversation("reviewer", task, at, {
    calls: [{ submit_review: { decision: "reject", summary: "not yet", findings: [finding] } }],
  });

/** A merger who writes these files and hands them in. */
export const merges = (
  task: string,
  files: Readonly<Record<string, string>>,
  at: Where & Turn = {},
): Conversation => {
  const { attempt, conversation: n, ...turn } = at;
  return conversation("merger", task, pick(attempt, n), {
    ...turn,
    calls: [...writes(files), { submit_resolution: { summary: "kept both" } }],
  });
};

/** Acceptance: what the reviewer claims of the requirements. */
export const judges = (
  claims: readonly z.input<typeof RequirementClaim>[],
  version = 1,
): Conversation =>
  conversation("reviewer", "end", { attempt: version }, { calls: [{ submit_review: { claims } }] });

/** Acceptance: each requirement is met, shown by a quote. */
export const accepts = (
  quotes: Readonly<Record<string, { file: string; quote: string }>>,
  version = 1,
): Conversation =>
  judges(
    Object.entries(quotes).map(([requirement, quote]) => ({
      requirement,
      met: true,
      reason: "it stands there",
      evidence: [{ kind: "quote", ...quote }],
    })),
    version,
  );

export const plans = (
  proposal: z.input<typeof PlanProposal>,
  at: Where & Turn = {},
): Conversation => {
  const { attempt, conversation: n, ...turn } = at;
  return conversation("planner", "plan", pick(attempt, n), {
    ...turn,
    calls: [{ submit_plan: proposal }],
  });
};

/** A task that needs saying no more than its id. */
export const task = (
  id: string,
  more: Partial<z.input<typeof Task>> = {},
): z.input<typeof Task> => ({
  id,
  title: `Make ${id}`,
  description: `Make ${id}.`,
  acceptance: [`${id} is there`],
  requirements: ["r1"],
  ...more,
});

const pick = (attempt: number | undefined, n: number | undefined): Where => ({
  ...(attempt === undefined ? {} : { attempt }),
  ...(n === undefined ? {} : { conversation: n }),
});
