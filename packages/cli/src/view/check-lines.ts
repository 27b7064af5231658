import { type Check, plainLine, type RunState, type TaskRow } from "@headrace/domain";

/** What a task's newest queued change was looked at for, beyond its gates. */
export const checksOf = ({ steps }: RunState, { id, queuedAttempt }: TaskRow): readonly Check[] => {
  const verified = Object.values(steps).flatMap(({ task, attempt, result }) =>
    task === id && attempt === queuedAttempt && result?.kind === "verify" ? [result.receipt] : [],
  );
  return verified.find(({ checks }) => checks !== undefined)?.checks ?? [];
};

/** What of landed work is doubtful, or was not looked at; of the latter, tasks with the same reason are one line. */
export const checkLines = (state: RunState): string[] => {
  const landed = Object.values(state.tasks).filter(({ status }) => status === "landed");
  const rows = landed.flatMap((row) => checksOf(state, row).map((check) => ({ row, check })));
  const flagged = rows
    .filter(({ check: { outcome } }) => outcome === "flagged")
    .map(({ row, check }) => `  ! ${row.id}: ${check.check}: ${plainLine(check.detail, 500)}`);
  const skipped = Map.groupBy(
    rows.filter(({ check: { outcome } }) => outcome === "skipped"),
    ({ check: { check, detail } }) => `${check}: ${plainLine(detail, 300)}`,
  );
  return [
    ...flagged,
    ...[...skipped].map(
      ([what, of]) => `  not checked in ${of.map(({ row }) => row.id).join(", ")}: ${what}`,
    ),
  ];
};
