import { stripVTControlCharacters } from "node:util";
import type { CheckRow, RepositoryCheck } from "./check-repository.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The end of an output as indented lines; nothing in it can drive the terminal. */
const tail = (output: string, lines: number): string[] =>
  stripVTControlCharacters(output)
    .trimEnd()
    .split("\n")
    .slice(-lines)
    .map(
      (line) =>
        `  ${line
          .replace(/\t/g, "  ")
          .replace(/\p{Cc}/gu, "")
          .slice(0, 300)}`,
    );

const cells = (row: CheckRow): string[] => [
  row.gate,
  row.verdict === "pass" ? "green" : row.verdict === "flaky" ? "flaky" : "red",
  seconds(row.durationMs),
  row.tests === undefined ? "-" : String(row.tests),
  row.reason,
];

const table = (rows: readonly string[][]): string[] => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
};

/** The check as plain lines for a terminal. */
export const renderCheck = ({ environment, rows }: RepositoryCheck): string => {
  if (!environment.built)
    return [
      `environment: set-up failed (exit ${environment.exitCode ?? "none"}): ${environment.command}`,
      ...tail(environment.log, 20),
    ].join("\n");
  const how = environment.cached ? "ready (kept from before)" : "built";
  const head = `environment: ${how} in ${seconds(environment.durationMs)}`;
  if (rows.length === 0) return `${head}\ngates: none apply to this commit`;
  const evidence = rows.flatMap((row) =>
    !row.output?.trim() ? [] : ["", `${row.gate} printed:`, ...tail(row.output, 15)],
  );
  const lines = table([["gate", "result", "time", "tests", "why"], ...rows.map(cells)]);
  return [head, ...lines, ...evidence].join("\n");
};
