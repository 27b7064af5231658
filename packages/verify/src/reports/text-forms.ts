import type { TestOutcome, Told } from "./test-report.ts";

/** Lines of test programs that tell in text: what tests print among them can look the same. */
export type TextForm = (lines: readonly string[]) => Told[] | "unfinished";

/** What a test printed on one line may be longer; what its runner says stands at the line's beginning or end. */
const MAX_LINE = 10_000;

const GO: Record<string, TestOutcome> = { PASS: "passed", FAIL: "failed", SKIP: "skipped" };

const GO_LINE = /--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$/;

/** `--- PASS: TestName/sub (0.00s)`, wherever on its line what a test printed before let it begin. */
export const readGo: TextForm = (lines) =>
  lines.flatMap((line) => {
    const [, word = "", name = ""] = GO_LINE.exec(line.slice(-MAX_LINE)) ?? [];
    const outcome = GO[word];
    return outcome === undefined ? [] : [{ name, outcome }];
  });

const CARGO: Record<string, TestOutcome> = { ok: "passed", FAILED: "failed", ignored: "skipped" };
const TOTALS = [
  ["passed", /\b(\d{1,9}) passed;/],
  ["failed", /\b(\d{1,9}) failed;/],
  ["skipped", /\b(\d{1,9}) ignored;/],
] as const;

const PANICS = " - should panic";

/** `test name ... rest`; by index, since a pattern tries each of the dots that a test prints against all that follow. */
const namedTest = (line: string): { name: string; rest: string } | undefined => {
  const [start, dots] = ["test ".length, " ..."];
  const at = line.startsWith("test ") ? line.indexOf(dots, start + 1) : -1;
  if (at < 0) return undefined;
  const name = line.slice(start, at);
  return {
    name: name.endsWith(PANICS) ? name.slice(0, -PANICS.length) : name,
    rest: line.slice(at + dots.length).trimStart(),
  };
};

/**
 * `running 2 tests`, `test name ... ok`, and `test result: ok. 2 passed; ...`, which says how many there were: tests
 * without a name, as `--quiet` has them, are counted from it. With --nocapture what a test prints may stand between
 * its name and its outcome.
 */
export const readCargo: TextForm = (lines) => {
  const told: Told[] = [];
  let open: string | undefined;
  let begun = 0;
  const totals: Record<TestOutcome, number> = { passed: 0, failed: 0, skipped: 0, todo: 0 };
  const tell = (name: string, word: string) => {
    const outcome = CARGO[word];
    if (outcome !== undefined) told.push({ name, outcome });
    open = undefined;
  };
  for (const whole of lines) {
    const line = whole.slice(0, MAX_LINE);
    if (/^running \d{1,9} tests?$/.test(line)) begun += 1;
    else if (line.startsWith("test result: ")) {
      begun -= 1;
      for (const [outcome, pattern] of TOTALS)
        totals[outcome] += Number(pattern.exec(line)?.[1] ?? 0);
    } else {
      const named = namedTest(line);
      const word = /^(ok|FAILED|ignored)\b/.exec(named?.rest ?? line)?.[1];
      if (named !== undefined && word !== undefined) tell(named.name, word);
      else if (named !== undefined) open = named.name;
      else if (open !== undefined && word !== undefined) tell(open, word);
    }
  }
  if (begun > 0) return "unfinished";
  return [...told, ...unnamed(told, totals)];
};

/** What the totals have and no line told. */
const unnamed = (told: readonly Told[], totals: Record<TestOutcome, number>): Told[] =>
  TOTALS.flatMap(([outcome]) => {
    const named = told.filter((one) => one.outcome === outcome).length;
    const missing = Math.min(Math.max(0, totals[outcome] - named), 100_000);
    return Array.from({ length: missing }, () => ({ name: "(no name)", outcome }));
  });
