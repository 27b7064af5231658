import { formatUsd, type Preview, plainLine, type Range } from "@headrace/domain";
import { compact, duration } from "./duration.ts";

const ranged = ({ low, likely, high }: Range, tell: (value: number) => string): string =>
  `${tell(likely)} (${tell(low)} to ${tell(high)})`;

const tasksOf = ({ tasks, width, depth }: Preview): string =>
  `${tasks} ${tasks === 1 ? "task" : "tasks"}, up to ${width} at once, ${depth} one after another`;

const costOf = ({ cost, unpriced }: Preview): string =>
  cost === undefined
    ? `cost unknown: ${plainLine(unpriced.join(", "))} has no price`
    : ranged(cost, formatUsd);

/** What a plan is expected to take, on one line. */
export const aboutPreview = (preview: Preview): string =>
  `${tasksOf(preview)}; about ${compact(preview.calls.likely)} calls, ${compact(preview.tokens.likely)} tokens, ${duration(preview.ms.likely)}, ${costOf(preview)}`;

const source = (samples: number): string =>
  samples === 0 ? "prior" : `${samples} earlier jobs here`;

/** The same with its ranges, by role, and what each estimate rests on. */
export const previewLines = (preview: Preview): string[] => {
  const { before, roles } = preview;
  const priors = roles.some(({ samples }) => samples === 0);
  const width = Math.max(0, ...roles.map(({ role }) => role.length));
  return [
    `projected: ${tasksOf(preview)}`,
    `  calls   ${ranged(preview.calls, compact)}`,
    `  tokens  ${ranged(preview.tokens, compact)}`,
    `  time    ${ranged(preview.ms, duration)}`,
    `  cost    ${costOf(preview)}, besides ${formatUsd(before.cost)} before`,
    ...roles.map(
      ({ role, models, calls, cost, samples }) =>
        `    ${role.padEnd(width)}  ${plainLine(models.join(", "), 60)}: ${compact(calls)} calls${cost === undefined ? "" : `, ${formatUsd(cost)}`} (${source(samples)})`,
    ),
    ...(priors
      ? ["  prior: an assumption; figures of landed tasks take its place once there are five"]
      : []),
  ];
};
