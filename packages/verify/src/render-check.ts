import {
  CANARY_WORDS,
  hostProblem,
  isBlind,
  PRODUCT,
  plainLine,
  plainText,
  tellUnreached,
} from "@headrace/domain";
import type { CheckRow, RepositoryCheck } from "./check-repository.ts";
import { failureHint } from "./hints.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The end of an output as indented lines, each with its own indentation. */
const tail = (output: string, lines: number): string[] =>
  plainText(output)
    .trimEnd()
    .split("\n")
    .slice(-lines)
    .map((line) => `  ${line.replaceAll("\t", "  ").slice(0, 300)}`);

const cells = (row: CheckRow): string[] => [
  row.gate,
  row.verdict === "pass" ? "green" : row.verdict === "flaky" ? "flaky" : "red",
  seconds(row.durationMs),
  row.tests === undefined ? "-" : String(row.tests),
  row.canary === undefined ? "-" : CANARY_WORDS[row.canary.outcome],
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

/** Where hosts can be allowed. */
type HostLists = {
  /** of the repository's file, as it is written */
  sandbox?: { network?: { setup?: readonly string[] | undefined } | undefined } | undefined;
  /** path of the person's own configuration */
  userConfig: string;
};

/** One block that allows all of them, as it fits into what the file has: keys cannot stand twice in YAML. */
const allowing = (refused: readonly string[], { sandbox, userConfig }: HostLists): string[] => {
  const hosts = [...new Set([...(sandbox?.network?.setup ?? []), ...refused])].map((host) =>
    plainLine(host),
  );
  const place =
    sandbox === undefined
      ? `put into ${PRODUCT}.yaml`
      : sandbox.network === undefined
        ? `put under the \`sandbox:\` you have in ${PRODUCT}.yaml`
        : `let \`setup\` of the \`sandbox:\` \`network:\` you have in ${PRODUCT}.yaml be`;
  return [
    `set-up was refused ${plainLine(refused.join(", "))}: to allow that, ${place}, commit it, and give --allow-repo-config:`,
    ...(sandbox === undefined ? ["sandbox:"] : []),
    ...(sandbox?.network === undefined ? ["  network:"] : []),
    `    setup: [${hosts.join(", ")}]`,
    `or, for every repository, put \`network:\` with that \`setup:\`, without \`sandbox:\`, into ${userConfig}`,
  ];
};

/** What the network was used for, and how hosts that were refused are allowed. */
const hosts = (
  { reached, refused, unreached }: RepositoryCheck["network"],
  built: boolean,
  lists: HostLists,
): string[] => {
  const allowable = refused.filter((host) => hostProblem(host) === undefined);
  return [
    ...unreached
      .filter(({ outcome }) => outcome === "refused" || !built)
      .map((host) => plainLine(tellUnreached(host))),
    ...(reached.length === 0 ? [] : [`set-up reached: ${plainLine(reached.join(", "))}`]),
    ...(allowable.length === 0 ? [] : allowing(allowable, lists)),
    ...refused
      .filter((host) => !allowable.includes(host))
      .map((host) => `set-up was refused ${plainLine(host)}: it ${hostProblem(host)}`),
  ];
};

/** What a person must do about gates that no run is built on, and may do about those that were shown nothing. */
const blindness = (rows: readonly CheckRow[]): string[] => {
  const patch = `\`canary: FILE.patch\` in ${PRODUCT}.yaml`;
  const unshown = rows.filter(({ canary }) => canary?.outcome === "none").map(({ gate }) => gate);
  return [
    ...rows.flatMap(({ gate, canary }) =>
      canary === undefined || !isBlind(canary)
        ? []
        : [
            "",
            `${gate} would be refused: on a tree that is known to be bad it ended with ${plainLine(canary.detail)}`,
            `  make it look at the code, or give it what it must be red on (${patch}), or say that it has none (\`canary: off\`)`,
          ],
    ),
    ...(unshown.length === 0
      ? []
      : [
          "",
          `no source file could be broken for ${unshown.join(", ")}: what it must be red on can be given (${patch})`,
        ]),
  ];
};

/** What a person may do about a flaky gate, when they know it to be one. */
const suggestion = (row: CheckRow): string[] => {
  if (!row.flaky) return [];
  const tests = (row.differing ?? []).map((name) => `  ${plainLine(name)}`);
  return [
    "",
    `${row.gate} differs between two runs of the same tree${tests.length === 0 ? "." : ":"}`,
    ...tests,
    `  mend it, or, where it is known to be flaky, leave it out: \`exclude\` of gate ${row.gate} in ${PRODUCT}.yaml`,
  ];
};

/** How lines begin that tell a cause, of the tools set-up usually runs and of the factory itself. */
const CAUSE = /^\s*(?:npm (?:error|ERR!)|ERR_PNPM|ERROR\b|error\b|E: |fatal: |set-up (?:was|ran) )/;
const MAX_CAUSES = 5;

/** The first lines of set-up's output that tell why it failed: all of it has been shown as it came. */
const causes = (log: string): string[] => {
  return plainText(log)
    .split("\n")
    .filter((line) => CAUSE.test(line))
    .slice(0, MAX_CAUSES)
    .map((line) => `  ${plainLine(line)}`);
};

/** What each red gate printed last; the same reason why several could not be run is told once. */
const evidenceOf = (rows: readonly CheckRow[]): string[] =>
  rows.flatMap(({ gate, verdict, output = "", hint }, i) => {
    const lost = verdict === "infra_error";
    if (lost && rows.slice(0, i).some((row) => row.output === output)) return [];
    const head = `${gate} ${lost ? "could not be run" : "printed"}:`;
    const told = output.trim() === "" ? [] : ["", head, ...tail(output, lost ? 40 : 15)];
    return hint === undefined ? told : [...told, `${gate}: ${plainLine(hint)}`];
  });

/** The check as plain lines for a terminal on which set-up's output has been shown as it came. */
export const renderCheck = (
  { environment, network, rows }: RepositoryCheck,
  lists: HostLists = { userConfig: "config.yaml" },
): string => {
  if (!environment.built) {
    const { exitCode, log: output } = environment;
    const hint = failureHint("setup", { exitCode, output });
    return [
      ...hosts(network, false, lists),
      `environment: set-up failed (exit ${environment.exitCode ?? "none"}): ${plainLine(environment.command)}`,
      ...causes(environment.log),
      ...(hint === undefined ? [] : [plainLine(hint)]),
    ].join("\n");
  }
  const how = environment.cached ? "ready (kept from before)" : "built";
  const head = [
    ...hosts(network, true, lists),
    `environment: ${how} in ${seconds(environment.durationMs)}`,
  ];
  if (rows.length === 0) return `${head.join("\n")}\ngates: none apply to this commit`;
  const lines = table([["gate", "result", "time", "tests", "canary", "why"], ...rows.map(cells)]);
  return [
    ...head,
    ...lines,
    ...evidenceOf(rows),
    ...blindness(rows),
    ...rows.flatMap(suggestion),
  ].join("\n");
};
