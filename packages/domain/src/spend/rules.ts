import type { RunState, StepRow, TaskRow } from "../run-state.ts";
import { isEnded } from "../run-state.ts";
import type { OverheadKind, WasteKind } from "../spend.ts";
import { endOf, isRedo, wasApproved } from "./attempts.ts";
import type { Share } from "./surviving.ts";

/** What a part of a call's cost counts as, less its amount. */
type Class =
  | { as: "converted"; commit: string }
  | { as: "overhead"; kind: OverheadKind }
  | { as: "waste"; kind: WasteKind };
type Weighed = { class: Class; weight: number };

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
const hasLanded = ({ task }: Facts) => task?.landing !== undefined;

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

type Rule = { applies(facts: Facts): boolean; classes(facts: Facts): Weighed[] };

/** The first that applies decides; docs/spend.md tells them in the same order. */
const RULES: readonly Rule[] = [
  { applies: ({ replied }) => !replied, classes: waste("failed_call") },
  { applies: asked, classes: overhead("clarification") },
  {
    applies: (facts) => ranOut(facts) && !(isCoding(facts) && hasLanded(facts)),
    classes: waste("runaway"),
  },
  {
    applies: (f) => inPlan(f) && f.state.plans[planVersion(f.step)]?.status === "accepted",
    classes: overhead("planning"),
  },
  {
    applies: (f) => inPlan(f) && f.state.run.planVersion > planVersion(f.step),
    classes: waste("superseded"),
  },
  { applies: inPlan, classes: waste("abandoned") },
  { applies: ({ step }) => step.role === "researcher", classes: overhead("planning") },
  { applies: ({ step }) => step.thread.kind === "run", classes: overhead("verification") },
  { applies: ({ step }) => step.role === "reviewer", classes: overhead("review") },
  { applies: ({ step }) => step.role === "merger", classes: waste("conflict_redo") },
  { applies: ({ task }) => task?.status === "dropped", classes: waste("superseded") },
  { applies: (facts) => !hasLanded(facts), classes: waste("abandoned") },
  {
    applies: ({ state, step, task }) =>
      task !== undefined && isRedo(state, task.id, step.attempt ?? 1),
    classes: waste("conflict_redo"),
  },
  { applies: () => true, classes: parted },
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
