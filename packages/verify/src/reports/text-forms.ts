import type { TestOutcome, Told } from "./test-report.ts";

/** Lines of test programs that tell in text: what tests print among them can look the same. */
export type TextForm = (lines: readonly string[]) => Told[] | "unfinished";

const GO: Record<string, TestOutcome> = { PASS: "passed", FAIL: "failed", SKIP: "skipped" };

/** `--- PASS: TestName/sub (0.00s)`, wherever on its line what a test printed before let it begin. */
export const readGo: TextForm = (lines) =>
  lines.flatMap((line) => {
    const [, word = "", name = ""] = /--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$/.exec(line) ?? [];
    const outcome = GO[word];
    return outcome === undefined ? [] : [{ name, outcome }];
  });

const CARGO: Record<string, TestOutcome> = { ok: "passed", FAILED: "failed", ignored: "skipped" };
const TOTALS = [
  ["passed", /\b(\d{1,9}) passed;/],
  ["failed", /\b(\d{1,9}) failed;/],
  ["skipped", /\b(\d{1,9}) ignored;/],
] as const;

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
  for (const line of lines) {
    if (/^running \d{1,9} tests?$/.test(line)) begun += 1;
    else if (line.startsWith("test result: ")) {
      begun -= 1;
      for (const [outcome, pattern] of TOTALS)
        totals[outcome] += Number(pattern.exec(line)?.[1] ?? 0);
    } else {
      const [, name, rest = ""] = /^test (.+?)(?: - should panic)? \.\.\. ?(.*)$/.exec(line) ?? [];
      const word = /^(ok|FAILED|ignored)\b/.exec(name === undefined ? line : rest)?.[1];
      if (name !== undefined && word !== undefined) tell(name, word);
      else if (name !== undefined) open = name;
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
