import { formatUsd, plainLine } from "@headrace/domain";
import { duration } from "./duration.ts";
import type { DailyRow, UnmetRow } from "./exhaust-views.ts";
import { percent } from "./spend-lines.ts";
import { tableLines } from "./table.ts";

const DAILY = ["day", "role", "model", "requests", "ok", "p50", "p95", "cost"];

export const dailyLines = (rows: readonly DailyRow[]): string[] =>
  tableLines(
    [...DAILY, "cache read", "fallbacks"],
    rows.map((row) => [
      ...[row.day, row.role, plainLine(row.model, 60), String(row.requests)],
      percent(row.ok, row.requests),
      ...[row.p50Ms, row.p95Ms].map((ms) => (ms === undefined ? "-" : duration(ms))),
      ...[formatUsd(row.cost), percent(row.cacheReadTokens, row.inputTokens)],
      `${row.fallbacks} of ${row.chosen}`,
    ]),
    3,
  );

/** `decisions`: of how many choices of a model these are. */
export const unmetLines = (rows: readonly UnmetRow[], decisions: number): string[] => {
  if (rows.length === 0) return [`nothing was held back in ${decisions} choices of a model`];
  const cells = rows.map((row) => [
    ...[row.role, row.outcome, plainLine(row.candidate, 60), row.why],
    ...[String(row.decisions), String(row.asks), row.last],
  ]);
  const head = ["role", "came to", "model", "because", "choices", "askings", "last"];
  return [...tableLines(head, cells, 4), `of ${decisions} choices of a model`];
};
