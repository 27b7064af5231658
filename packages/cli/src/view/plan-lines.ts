import {
  type PlanVersion,
  type Preview,
  plainLine,
  type RunState,
  spanWords,
} from "@headrace/domain";
import { previewLines } from "./preview-lines.ts";

const titled = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`  ${title}`, ...lines.map((line) => `    ${line}`)];

const requirementLines = ({ run }: RunState, { requirements }: PlanVersion): string[] =>
  run.requirements.flatMap(({ id, text, span }) => {
    const quote = requirements.find((one) => one.id === id)?.quote;
    return [
      `${id} (${spanWords(span)}): ${plainLine(text, 500)}`,
      ...(quote === undefined ? [] : [`  from: "${plainLine(quote, 500)}"`]),
    ];
  });

const taskLines = ({ tasks }: PlanVersion): string[] =>
  tasks.map(({ id, title, blockedBy, permits, requirements, research }) => {
    const notes = [
      ...(requirements.length === 0 ? [] : [`meets ${requirements.join(", ")}`]),
      ...(blockedBy.length === 0 ? [] : [`after ${blockedBy.join(", ")}`]),
      ...(research === undefined ? [] : ["researched first"]),
      ...(permits.length === 0 ? [] : [`may change ${permits.join(", ")}`]),
    ];
    return `${id}: ${plainLine(title, 120)}${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`;
  });

/** An accepted plan as a person reads it before it is built. */
export const planLines = (
  state: RunState,
  { plan, preview }: { plan: PlanVersion; preview: Preview | undefined },
): string[] => [
  `plan ${plan.version} of run ${state.run.id}: ${plainLine(state.run.title, 100)}`,
  `  ${plainLine(plan.summary, 2000)}`,
  ...titled("requirements", requirementLines(state, plan)),
  ...titled(
    "will not be built",
    plan.notDoing.map((line) => plainLine(line, 500)),
  ),
  ...titled(
    "open in the spec, and how the plan reads it",
    (plan.ambiguities ?? []).map(
      ({ question, answer }) => `${plainLine(question, 500)} ${plainLine(answer, 500)}`,
    ),
  ),
  ...titled("tasks", taskLines(plan)),
  ...(preview === undefined ? [] : previewLines(preview).map((line) => `  ${line}`)),
];
