import { stripVTControlCharacters } from "node:util";
import { hostProblem, PRODUCT } from "@headrace/domain";
import type { CheckRow, RepositoryCheck } from "./check-repository.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Text from a sandbox on one line that drives no terminal. */
const plain = (text: string): string =>
  stripVTControlCharacters(text).replace(/\p{C}/gu, "").slice(0, 300);

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

/** What the network was used for, and how a host that was refused is allowed. */
const hosts = ({ reached, refused }: RepositoryCheck["network"]): string[] => [
  ...(reached.length === 0 ? [] : [`set-up reached: ${plain(reached.join(", "))}`]),
  ...refused.flatMap((host) => {
    const problem = hostProblem(host);
    const name = plain(host);
    return problem === undefined
      ? [
          `set-up was refused ${name}: to allow it, add to ${PRODUCT}.yaml (or without \`sandbox\` to config.yaml):`,
          `  sandbox: { network: { setup: [${name}] } }`,
        ]
      : [`set-up was refused ${name}: it ${problem}`];
  }),
];

/** What a person may do about a flaky gate, when they know it to be one. */
const suggestion = (row: CheckRow): string[] => {
  if (!row.flaky) return [];
  const tests = (row.differing ?? []).map((name) => `  ${plain(name)}`);
  return [
    "",
    `${row.gate} differs between two runs of the same tree${tests.length === 0 ? "." : ":"}`,
    ...tests,
    `  mend it, or, where it is known to be flaky, leave it out: \`exclude\` of gate ${row.gate} in ${PRODUCT}.yaml`,
  ];
};

/** The check as plain lines for a terminal. */
export const renderCheck = ({ environment, network, rows }: RepositoryCheck): string => {
  if (!environment.built)
    return [
      ...hosts(network),
      `environment: set-up failed (exit ${environment.exitCode ?? "none"}): ${environment.command}`,
      ...tail(environment.log, 20),
    ].join("\n");
  const how = environment.cached ? "ready (kept from before)" : "built";
  const head = [...hosts(network), `environment: ${how} in ${seconds(environment.durationMs)}`];
  if (rows.length === 0) return `${head.join("\n")}\ngates: none apply to this commit`;
  const evidence = rows.flatMap((row) =>
    !row.output?.trim() ? [] : ["", `${row.gate} printed:`, ...tail(row.output, 15)],
  );
  const lines = table([["gate", "result", "time", "tests", "why"], ...rows.map(cells)]);
  return [...head, ...lines, ...evidence, ...rows.flatMap(suggestion)].join("\n");
};
