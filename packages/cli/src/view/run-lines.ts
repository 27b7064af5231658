import {
  formatUsd,
  isEnded,
  plainLine,
  type RunState,
  type TaskRow,
  totalTokens,
} from "@headrace/domain";
import type { Command } from "../command.ts";
import { compact, duration } from "./duration.ts";

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
  const width = Math.max(4, ...tasks.map((t) => t.id.length));
  return [
    ...head,
    ...tasks.map((t) => taskLine(t, width, until, isEnded(run.status))),
    ...incidentLines(state),
    ...questionLines(state, command),
  ];
};

/** A task that the end of its run left where it was is not told as if it still went on. */
const taskLine = (row: TaskRow, width: number, now: Date, ended: boolean): string => {
  const left = ended && !SETTLED.has(row.status);
  const end = row.endedAt === undefined ? now : new Date(row.endedAt);
  const elapsed =
    row.startedAt === undefined ? "" : duration(end.getTime() - Date.parse(row.startedAt));
  const step =
    row.status === "building"
      ? `${row.doing ?? "starts"} (attempt ${Math.max(1, row.attempts)})`
      : row.status;
  const spent =
    row.spent === 0
      ? ""
      : `${compact(totalTokens(row.usage)).padStart(7)} tokens  ${formatUsd(row.spent)}`;
  return `  ${left ? "-" : MARK[row.status]} ${row.id.padEnd(width)}  ${(left ? "not finished" : step).padEnd(22)} ${elapsed.padStart(10)}  ${spent}`.trimEnd();
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
        `  ? ${plainLine(q.text, 120)}\n    ${command(`answer ${state.run.id} ${q.id} "..."`)}`,
    );
