import { plainLine, type Receipt } from "@headrace/domain";
import type { GateComparison } from "@headrace/verify";

const MAX_TESTS = 20;
const SHORT = 12;

const toldResult = (result: GateComparison["now"]): string =>
  result === undefined
    ? "not run"
    : `${result.verdict} (${plainLine(result.reason, 200)}${result.baseRed === undefined ? "" : "; red on the base too"})`;

const toldTests = (tests: GateComparison["tests"]): string[] => [
  ...tests
    .slice(0, MAX_TESTS)
    .map(
      ({ name, recorded = "not there", now = "not there" }) =>
        `    ${plainLine(name, 200)}: ${recorded} in the receipt, ${now} now`,
    ),
  ...(tests.length > MAX_TESTS ? [`    and ${tests.length - MAX_TESTS} more tests`] : []),
];

/** Each gate as the receipt has it, as it ended now, and whether that is the same. */
export const comparisonLines = (gates: readonly GateComparison[]): string[] =>
  gates.flatMap(({ gate, recorded, now, equal, tests }) => [
    `  gate ${gate}: receipt ${toldResult(recorded)}`,
    `  ${" ".repeat(`gate ${gate}: `.length)}now     ${toldResult(now)}: ${equal ? "equal" : "DIFFERS"}`,
    ...toldTests(tests),
  ]);

/** Which gates did not end alike the first time, though their second verdict counts. */
export const flakyLines = (first: Pick<Receipt, "results"> | undefined): string[] =>
  (first?.results ?? [])
    .filter(({ verdict }) => verdict === "flaky")
    .map(({ gate, reason }) => `  note: gate ${gate} is flaky: ${plainLine(reason, 500)}`);

/** What the receipt tells beside its gates' verdicts, which only its signature stands for. */
export const notRunAgainLine = ({
  results,
  checks = [],
}: Pick<Receipt, "results" | "checks">): string[] => {
  const canaries = results.some(({ canary }) => canary !== undefined) ? ["canaries"] : [];
  const names = [...canaries, ...checks.map(({ check }) => check)];
  return names.length === 0 ? [] : [`  note: not run again: ${names.join(", ")} of the receipt`];
};

/** Whether gates ran in the very image that the receipt names. */
export const imageLine = (recorded: string, now: string, kept: boolean): string => {
  if (recorded === now) return `  image ${now}: the receipt's own`;
  const how = kept ? "which was there in its place" : "built anew";
  return `  note: the receipt's image ${recorded} is not there: gates ran in ${now}, ${how}. Another digest is no difference`;
};

export const short = (id: string): string => id.slice(0, SHORT);
