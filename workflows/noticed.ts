import { type Check, type RunState, stepId, type TaskRow } from "@headrace/domain";

/** What a reviewer is told of an attempt's change before reading it: what was counted, found suspicious, not looked at. */
export const noticedIn = (state: RunState, row: TaskRow, attempt: number): string[] => {
  const result = (step: string) => state.steps[stepId(state.run.id, row.id, step)]?.result;
  const made = result(`change-${attempt}`);
  const verified = result(`verify-${attempt}`);
  return [
    ...(made?.kind === "change" && made.change.outcome === "made" ? lookedAt(made.change) : []),
    ...(verified?.kind === "verify" ? (verified.receipt.checks ?? []).flatMap(checked) : []),
  ];
};

const lookedAt = ({
  classes = {},
  flags = [],
}: {
  classes?: Record<string, number> | undefined;
  flags?: string[] | undefined;
}): string[] => {
  const counts = Object.entries(classes).map(([name, count]) => `${count} ${name}`);
  return [...(counts.length > 0 ? [`changed files: ${counts.join(", ")}`] : []), ...flags];
};

/** Each check as what it asks, for whoever reads of it once. */
const ASKED: Readonly<Record<Check["check"], string>> = {
  "base-suite": "the base's own tests run over this change",
  "red-on-base": "the new tests run without this fix",
  mutants: "the tests run on this change with one function broken at a time",
};

const checked = ({ check, outcome, detail }: Check): string[] => {
  if (outcome === "flagged") return [`${ASKED[check]}: ${detail}`];
  return outcome === "skipped" ? [`${ASKED[check]}: not done, ${detail}`] : [];
};
