import {
  formatUsd,
  isEnded,
  plainLine,
  type RunState,
  type RunStatus,
  type TaskRow,
  totalTokens,
} from "@headrace/domain";
import type { Command } from "../command.ts";
import { compact, duration } from "./duration.ts";
import { aboutPreview } from "./preview-lines.ts";

const MARK: Record<TaskRow["status"], string> = {
  blocked: "·",
  building: "▸",
  waiting: "?",
  queued: "⋯",
  landed: "✓",
  quarantined: "✗",
  dropped: "-",
};

const SETTLED: ReadonlySet<TaskRow["status"]> = new Set(["landed", "quarantined", "dropped"]);

/** A run as a block of lines: head, then one line a task with state, step, elapsed, tokens and cost. */
export const runLines = (state: RunState, now: Date, command: Command): string[] => {
  const { run } = state;
  const tasks = Object.values(state.tasks);
  const landed = tasks.filter((t) => t.status === "landed").length;
  const until = run.endedAt === undefined ? now : new Date(run.endedAt);
  const head = [
    `${run.id}  ${plainLine(run.title, 60)}`,
    `${run.status} · ${landed} of ${tasks.length} tasks landed · ${duration(until.getTime() - Date.parse(run.submittedAt))} · ` +
      `${compact(totalTokens(run.usage))} tokens · ${formatUsd(run.spent)} of ${formatUsd(run.budget)}`,
  ];
  const preview = isEnded(run.status) ? undefined : state.plans[run.planVersion]?.preview;
  const width = Math.max(4, ...tasks.map((t) => t.id.length));
  return [
    ...head,
    ...(preview === undefined ? [] : [`projected: ${aboutPreview(preview)}`]),
    ...tasks.map((t) => taskLine(t, width, until, run.status)),
    ...incidentLines(state),
    ...parkedLines(state, command),
    ...deferredLines(state, now),
    ...questionLines(state, command),
  ];
};

/** A task of the run has been begun: the plan was shown, and whoever had to agree to it has. */
export const hasBegun = ({ tasks }: RunState): boolean =>
  Object.values(tasks).some(({ startedAt }) => startedAt !== undefined);

/** Tasks that stand still because a budget of their own is used, each with what lets it go on. */
const parkedLines = ({ run, tasks }: RunState, command: Command): string[] =>
  Object.values(tasks).flatMap(({ id, parked }) =>
    parked === undefined || isEnded(run.status)
      ? []
      : [
          `  $ ${id} has used its ${parked.level}'s budget of ${formatUsd(parked.budget)}`,
          `    ${command(`budget ${run.id} --raise USD --task ${id}`)}`,
        ],
  );

/** Why steps wait for a time, such as the next day of a day's budget; those with the same reason are one line. */
const deferredLines = ({ run, steps }: RunState, now: Date): string[] => {
  const waiting = Object.values(steps).flatMap(({ subject, deferred, result }) =>
    result === undefined && deferred !== undefined && Date.parse(deferred.until) > now.getTime()
      ? [{ subject, ...deferred }]
      : [],
  );
  if (isEnded(run.status)) return [];
  const alike = Map.groupBy(
    waiting,
    ({ until, reason }) => `until ${until}: ${plainLine(reason, 200)}`,
  );
  return [...alike].map(([what, of]) => {
    const subjects = [...new Set(of.map(({ subject }) => subject))];
    return `  ~ ${subjects.join(", ")} ${subjects.length === 1 ? "waits" : "wait"} ${what}`;
  });
};

/** A task that the end of its run left where it was is not told as if it still went on. */
const taskLine = (row: TaskRow, width: number, now: Date, status: RunStatus): string => {
  const left = isEnded(status) && !SETTLED.has(row.status);
  const end = row.endedAt === undefined ? now : new Date(row.endedAt);
  const elapsed =
    row.startedAt === undefined ? "" : duration(end.getTime() - Date.parse(row.startedAt));
  const unfinished = status === "planned" ? "planned" : "not finished";
  const step =
    row.parked !== undefined
      ? "parked for budget"
      : row.status === "building"
        ? `${row.doing ?? "starts"} (attempt ${Math.max(1, row.attempts)})`
        : row.status;
  const spent =
    row.spent === 0
      ? ""
      : `${compact(totalTokens(row.usage)).padStart(7)} tokens  ${formatUsd(row.spent)}`;
  return `  ${left ? "-" : MARK[row.status]} ${row.id.padEnd(width)}  ${(left ? unfinished : step).padEnd(22)} ${elapsed.padStart(10)}  ${spent}`.trimEnd();
};

/** Gates that were red before the run, with how many of their tests still fail at the tip. */
const incidentLines = ({ run, tasks, receipts }: RunState): string[] =>
  (run.baseRed ?? []).map(({ gate, failing }) => {
    const last = Object.values(tasks).find((t) => t.landing?.commit === run.tip)?.landing;
    const results = last && receipts[last.receipt]?.results;
    const now = results?.find((r) => r.gate === gate)?.tests?.failed ?? failing;
    const left =
      now === 0 ? "none of them fails any more" : `${now} still ${now === 1 ? "fails" : "fail"}`;
    return `  ! gate ${gate}: ${failing} ${failing === 1 ? "test fails" : "tests fail"} on the base; at the tip ${left}`;
  });

const questionLines = (state: RunState, command: Command): string[] =>
  Object.values(state.questions)
    .filter((q) => q.answer === undefined)
    .map(
      (q) =>
        `  ? ${plainLine(q.text, 300)}\n    ${command(`answer ${state.run.id} ${q.id} "..."`)}`,
    );
