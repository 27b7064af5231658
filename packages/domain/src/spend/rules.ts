import type { RunState, StepRow, TaskRow } from "../run-state.ts";
import { isEnded } from "../run-state.ts";
import type { OverheadKind, WasteKind } from "../spend.ts";
import { endOf, isRedo, wasApproved } from "./attempts.ts";
import type { Share } from "./surviving.ts";

/** What a part of a call's cost counts as, less its amount. */
export type Class =
  | { as: "converted"; commit: string }
  | { as: "overhead"; kind: OverheadKind }
  | { as: "waste"; kind: WasteKind };
export type Weighed = { class: Class; weight: number };

/** What is known of a call once nothing will change what became of it. */
type Facts = {
  state: RunState;
  step: StepRow;
  /** it gave a usable reply */
  replied: boolean;
  task?: TaskRow;
  /** of its attempt's work, where its task has landed */
  share?: Share;
};

const all = (one: Class): Weighed[] => [{ class: one, weight: 1 }];
const overhead = (kind: OverheadKind) => () => all({ as: "overhead", kind });
const waste = (kind: WasteKind) => () => all({ as: "waste", kind });

const planVersion = ({ thread }: StepRow): number => Number(thread.id.slice(1));
const inPlan = ({ step }: Facts) => step.thread.kind === "plan";
const ranOut = ({ step }: Facts) => endOf(step)?.end === "limit";
const isCoding = ({ step }: Facts) => step.role === "coder";

const asked = ({ step }: Facts): boolean => {
  const end = endOf(step);
  return end?.end === "blocked" && end.question !== undefined;
};

/** An attempt that changed nothing has landed whole where it is the one that did. */
const parted = (facts: Facts): Weighed[] => {
  const { state, step, task, share = { survived: 0, of: 0 } } = facts;
  const attempt = step.attempt ?? 1;
  const lost =
    task !== undefined && wasApproved(state, task.id, attempt) ? "conflict_redo" : "rejected";
  const landed: Class = { as: "converted", commit: task?.landing?.commit ?? "" };
  const rest: Class = { as: "waste", kind: ranOut(facts) ? "runaway" : lost };
  if (share.of === 0) return all(task?.queuedAttempt === attempt ? landed : rest);
  return [
    { class: landed, weight: share.survived },
    { class: rest, weight: share.of - share.survived },
  ];
};

type Rule = { name: string; applies(facts: Facts): boolean; classes(facts: Facts): Weighed[] };

/** The first that applies decides; docs/spend.md tells them in the same order. */
const RULES: readonly Rule[] = [
  { name: "no usable reply", applies: ({ replied }) => !replied, classes: waste("failed_call") },
  { name: "it ended with a question", applies: asked, classes: overhead("clarification") },
  {
    name: "a limit or a loop ended it, and no work of it could land",
    applies: (facts) => ranOut(facts) && !(isCoding(facts) && facts.task?.landing !== undefined),
    classes: waste("runaway"),
  },
  {
    name: "planning of an accepted plan",
    applies: (f) => inPlan(f) && f.state.plans[planVersion(f.step)]?.status === "accepted",
    classes: overhead("planning"),
  },
  {
    name: "planning of a plan in whose place another was accepted",
    applies: (f) => inPlan(f) && f.state.run.planVersion > planVersion(f.step),
    classes: waste("superseded"),
  },
  { name: "planning that came to no plan", applies: inPlan, classes: waste("abandoned") },
  {
    name: "research for a task",
    applies: ({ step }) => step.role === "researcher",
    classes: overhead("planning"),
  },
  {
    name: "acceptance of the run",
    applies: ({ step }) => step.thread.kind === "run",
    classes: overhead("verification"),
  },
  {
    name: "review of a change",
    applies: ({ step }) => step.role === "reviewer",
    classes: overhead("review"),
  },
  {
    name: "the merger",
    applies: ({ step }) => step.role === "merger",
    classes: waste("conflict_redo"),
  },
  {
    name: "an attempt at a task that a newer plan has dropped",
    applies: ({ task }) => task?.status === "dropped",
    classes: waste("superseded"),
  },
  {
    name: "an attempt at a task that has not landed",
    applies: ({ task }) => task?.landing === undefined,
    classes: waste("abandoned"),
  },
  {
    name: "an attempt that made approved work fit what had landed meanwhile",
    applies: ({ state, step, task }) =>
      task !== undefined && isRedo(state, task.id, step.attempt ?? 1),
    classes: waste("conflict_redo"),
  },
  { name: "an attempt at a task that has landed", applies: () => true, classes: parted },
];

/** What a call comes to, in proportion. */
export const classesOf = (facts: Facts): Weighed[] => {
  const rule = RULES.find(({ applies }) => applies(facts));
  if (rule === undefined) throw new Error(`no rule says what step ${facts.step.id} came to`);
  return rule.classes(facts).filter(({ weight }, _, { length }) => weight > 0 || length === 1);
};

const ENDED: ReadonlySet<TaskRow["status"]> = new Set(["landed", "quarantined", "dropped"]);

/** Whether nothing that is still to come can change what the calls of a step came to. */
export const isFinal = ({ run, tasks }: RunState, step: StepRow): boolean => {
  if (isEnded(run.status)) return true;
  if (step.task !== undefined) return ENDED.has(tasks[step.task]?.status ?? "blocked");
  return step.thread.kind === "plan" && run.planVersion >= planVersion(step);
};
