import { fence } from "@headrace/agent";
import type { Task } from "@headrace/domain";
import { z } from "zod";
import { bullets, section } from "./page.ts";

/** A requirement as agents other than the planner see it. */
export const RequirementFact = z.object({ id: z.string(), text: z.string() });
export const GateFact = z.object({ name: z.string(), run: z.string() });
export const TaskFact = z.object({ id: z.string(), title: z.string() });
/** A piece of evidence: a gate's log, a finding, a reason. */
export const EvidenceFact = z.object({ title: z.string(), text: z.string() });
export const AnswerFact = z.object({ question: z.string(), answer: z.string() });

/** What is in the sandbox, looked up by the factory before the job: tools with versions and limits, and the files. */
export const WorkspaceFact = z.object({ tools: z.string().optional(), layout: z.string() });

/** What an earlier attempt left: its diff, and why it was not good enough. */
export const PreviousFact = z.object({
  diff: z.string(),
  evidence: z.array(EvidenceFact),
});

/** A task that landed, with the files of interest that it has a part in. */
export const LandedFact = TaskFact.extend({
  description: z.string(),
  files: z.array(z.string()).default([]),
});
/** A task in flight whose change does not merge with this one's, which is merged later. */
export const BesideFact = TaskFact.extend({ files: z.array(z.string()) });

export const landedText = (landed: readonly z.infer<typeof LandedFact>[]): string =>
  bullets(
    landed.map(
      ({ id, title, description, files }) =>
        `${id}: ${title}. ${description}${files.length === 0 ? "" : ` (${files.join(", ")})`}`,
    ),
  );

export const besideSection = (beside: readonly z.infer<typeof BesideFact>[]): string[] =>
  section(
    "Tasks in flight that change the same places",
    beside.length === 0
      ? undefined
      : `Each is expected to land first, and did not merge with this task's change when the two were compared. Change no more of these files than the task needs.\n${bullets(beside.map(({ id, title, files }) => `${id}: ${title} (${files.join(", ")})`))}`,
  );

const requirementLines = (requirements: readonly z.infer<typeof RequirementFact>[]): string =>
  bullets(requirements.map(({ id, text }) => `${id}: ${text}`));

export const requirementsSection = (
  title: string,
  requirements: readonly z.infer<typeof RequirementFact>[],
): string[] => section(title, requirementLines(requirements));

/** Shared by tasks, so nobody builds, or is held to, another's part. */
export const servedSection = (requirements: readonly z.infer<typeof RequirementFact>[]): string[] =>
  section(
    "Requirements it serves",
    requirements.length === 0
      ? undefined
      : `Other tasks may serve them too; this one owes what it is done by.\n${requirementLines(requirements)}`,
  );

export const gatesSection = (gates: readonly z.infer<typeof GateFact>[]): string[] =>
  section(
    "Gates",
    gates.length === 0
      ? "No gate applies yet."
      : `The factory runs these itself, on the committed tree, in a fresh sandbox without network. Their exit codes decide.\n${bullets(gates.map(({ name, run }) => `${name}: \`${run}\``))}`,
  );

export const workspaceSection = (workspace: z.infer<typeof WorkspaceFact> | undefined): string[] =>
  section(
    "What you find",
    workspace &&
      [
        "Looked up by the factory, so that you need not. File names are the repository's.",
        ...(workspace.tools === undefined ? [] : [fence("environment", workspace.tools)]),
        fence("layout", workspace.layout),
      ].join("\n"),
  );

/** For a job that is given the package registries; whoever is not told has no network. */
export const dependenciesSection = (task: Task): string[] =>
  section(
    "Dependencies",
    task.permits.includes("lockfile")
      ? [
          "This task may change dependencies. Unlike others' sandboxes, and although bash is called offline, yours reaches the package registries, read-only and nothing else. Each request is recorded.",
          bullets([
            "Clients find the registries by settings that are there already, so leave registry, proxy and certificate settings alone.",
            "Change dependencies with the repository's own package manager, such as `npm install NAME@VERSION` or `uv add NAME`, never a lockfile by hand. Hand in manifest and lockfile in step, and take nothing the task does not need.",
            "Installed is what manifests and lockfile ask for, as you find them; or, where that could not be set up, what had landed before.",
            "If a package's install script asks for a host that is refused, install without scripts.",
            "While you work, package managers may write http://127.0.0.1:3128/ into a lockfile. That is turned back to the registry's own address after each of your turns: do not mend it.",
            "Gates stay offline. The factory runs them in an environment that it sets up from your manifests and lockfile.",
          ]),
        ].join("\n")
      : undefined,
  );

export const protectedSection = (globs: readonly string[]): string[] =>
  section(
    "Protected",
    globs.length === 0
      ? undefined
      : `A change that touches these is refused, whatever the reason.\n${bullets(globs)}`,
  );

export const answersSection = (answers: readonly z.infer<typeof AnswerFact>[]): string[] =>
  section(
    "Answers from the person who started the run",
    answers.map(({ question, answer }) => `${question}\n${fence("answer", answer)}`).join("\n\n"),
  );

export const evidenceText = (evidence: readonly z.infer<typeof EvidenceFact>[]): string =>
  evidence.map(({ title, text }) => `${title}\n${fence("evidence", text)}`).join("\n\n");

const PERMITTED: Record<string, (value: string) => string> = {
  lockfile: () => "dependency manifests and lockfiles",
  gates: (name) => `the runner configuration of gate ${name}, not its command`,
  path: (glob) => `files matching ${glob}`,
};

const permitText = (permit: string): string => {
  const [kind = "", value = ""] = permit.split(/:(.*)/s);
  return PERMITTED[kind]?.(value) ?? permit;
};

const FIX =
  "It is a fix: the factory also runs its new and changed tests without the change, and one of them has to fail there.";

/** One task as the agent who builds, resolves or judges it reads it. */
export const taskText = (task: Task): string =>
  [
    `${task.id}: ${task.title}`,
    task.description,
    `It is done when:\n${bullets(task.acceptance)}`,
    ...(task.fix ? [FIX] : []),
    ...(task.paths.length > 0 ? [`Expected to touch: ${task.paths.join(", ")}`] : []),
    ...(task.permits.length > 0
      ? [`Also allowed to change: ${task.permits.map(permitText).join("; ")}`]
      : []),
  ].join("\n\n");
