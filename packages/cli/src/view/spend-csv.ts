import type { DemandRow, RunState, SpentCall, TokenUsage, TryRow } from "@headrace/domain";
import { csvLines } from "./csv.ts";
import type { DailyRow, UnmetRow } from "./exhaust-views.ts";

const DIGITS = 12;

/** Dollars with all their digits: a sum over rows is exact. */
const exactUsd = (pico: number): string => {
  const text = String(pico).padStart(DIGITS + 1, "0");
  return `${text.slice(0, -DIGITS)}.${text.slice(-DIGITS)}`;
};
const usd = (pico: number | undefined): string | undefined =>
  pico === undefined ? undefined : exactUsd(pico);

const WU_DIGITS = 1e9;
const workUnits = (work: number | undefined) => (work === undefined ? undefined : work / WU_DIGITS);

const TOKENS = ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output"] as const;
const tokensOf = (usage: TokenUsage | undefined) =>
  usage === undefined
    ? {}
    : {
        input: usage.input,
        cache_write_5m: usage.cacheWrite5m,
        cache_write_1h: usage.cacheWrite1h,
        cache_read: usage.cacheRead,
        output: usage.output,
      };

const CALL_COLUMNS = [
  ...["at", "run", "subject", "task", "attempt", "step", "role", "turn", "call", "provider"],
  ...["model", "state", "class", "kind", "commit", "cost_usd", "work_wu", ...TOKENS],
] as const;

/** A row for each part of a call; its tokens stand in the first of them alone, so that they can be summed. */
export const callsCsv = (spent: readonly SpentCall[]): string[] =>
  csvLines(
    CALL_COLUMNS,
    spent.flatMap(({ call, subject, parts }) =>
      parts.map((part, at) => ({
        ...{ at: call.at, run: call.run, subject, task: call.task, attempt: call.attempt },
        ...{ step: call.step, role: call.role, turn: call.turn, call: call.id },
        ...{ provider: call.provider, model: call.model, state: call.state },
        class: part.as,
        ...("kind" in part ? { kind: part.kind } : {}),
        ...("commit" in part ? { commit: part.commit } : {}),
        ...{ cost_usd: exactUsd(part.amount), work_wu: workUnits(part.work) },
        ...(at === 0 ? tokensOf(call.usage) : {}),
      })),
    ),
  );

const TRY_COLUMNS = [
  ...["at", "run", "step", "task", "task_status", "attempt", "role", "turn", "ask", "ordinal"],
  ...["call", "provider", "model", "served", "outcome", "status", "duration_ms", "first_byte_ms"],
  ...[...TOKENS, "cost_usd", "estimated"],
] as const;

/** A row for each HTTP request, with how its task stands now. */
export const triesCsv = (
  tries: readonly TryRow[],
  states: ReadonlyMap<string, RunState>,
): string[] =>
  csvLines(
    TRY_COLUMNS,
    tries.map((row) => ({
      ...{ at: row.at, run: row.run, step: row.step, task: row.task, attempt: row.attempt },
      task_status: states.get(row.run)?.tasks[row.task ?? ""]?.status,
      ...{ role: row.role, turn: row.turn, ask: row.ask, ordinal: row.ordinal, call: row.call },
      ...{ provider: row.provider, model: row.model, served: row.served, outcome: row.outcome },
      ...{ status: row.status, duration_ms: row.durationMs, first_byte_ms: row.firstByteMs },
      ...tokensOf(row.usage),
      ...{ cost_usd: usd(row.cost), estimated: row.estimated ?? false },
    })),
  );

const DEMAND_COLUMNS = [
  ...["at", "run", "step", "task", "role", "turn", "ask", "outcome", "chosen", "until", "reason"],
  "considered",
] as const;

/** A row for each choice of a model; `considered` names every candidate with why it was taken or not. */
export const demandCsv = (demand: readonly DemandRow[]): string[] =>
  csvLines(
    DEMAND_COLUMNS,
    demand.map(({ decision, ...row }) => ({
      ...{ at: row.at, run: row.run, step: row.step, task: row.task, turn: row.turn, ask: row.ask },
      ...{ role: decision.role, outcome: decision.outcome, chosen: decision.chosen },
      ...{ until: decision.until, reason: row.reason },
      considered: decision.considered.map(({ candidate, why }) => `${candidate} ${why}`).join("; "),
    })),
  );

const DAILY_COLUMNS = [
  ...["day", "role", "model", "requests", "ok", "p50_ms", "p95_ms", "cost_usd", "input_tokens"],
  ...["cache_read_tokens", "fallbacks", "chosen"],
] as const;

export const dailyCsv = (rows: readonly DailyRow[]): string[] =>
  csvLines(
    DAILY_COLUMNS,
    rows.map(({ p50Ms, p95Ms, cost, inputTokens, cacheReadTokens, ...row }) => ({
      ...row,
      ...{ p50_ms: p50Ms, p95_ms: p95Ms, cost_usd: exactUsd(cost) },
      ...{ input_tokens: inputTokens, cache_read_tokens: cacheReadTokens },
    })),
  );

const UNMET_COLUMNS = ["role", "outcome", "candidate", "why", "decisions", "asks", "last"] as const;

export const unmetCsv = (rows: readonly UnmetRow[]): string[] => csvLines(UNMET_COLUMNS, rows);
