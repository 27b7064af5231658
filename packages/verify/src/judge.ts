import type { ExecResult, GateResult, SandboxLimits, TestOutcomes } from "@headrace/domain";
import {
  failing,
  gone,
  isSkipped,
  listed,
  neverTold,
  newlySkipped,
  permittedTests,
} from "./compare-tests.ts";
import type { ReportAnswer } from "./reports/index.ts";

export type Judgement = Pick<GateResult, "verdict" | "reason" | "baseRed">;

/** The tests of the landing base under one gate, and what its red there excuses. */
export type Baseline = {
  gate: string;
  /** the blob that holds `outcomes` */
  list: string;
  outcomes: TestOutcomes;
  red?: { exitCode: number; receipt: string } | undefined;
};

export type Facts = {
  gate: string;
  limits?: Pick<SandboxLimits, "diskMb" | "inodes"> | undefined;
  answer: ReportAnswer;
  /** undefined: the base has no tests to compare with */
  baseline?: Baseline | undefined;
  /** what the accepted plan lets the task do */
  permits: readonly string[];
};

/** A command that is no gate: nothing is known of it but how it ended. */
const ALONE: Facts = { gate: "", answer: { kind: "none" }, permits: [] };

const fail = (reason: string): Judgement => ({ verdict: "fail", reason });
const notRun = (reason: string): Judgement => ({ verdict: "not_run", reason });

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

/**
 * What a gate's end means. The engine is asked first, and its output has no voice: out of memory or of disk is a
 * failure even where a parent process hid it behind exit 0; a command that is not there did not run. Then the report
 * of its test runner, which is hostile as well, may lower a pass. It raises one red alone: that of a gate which fails
 * on the run base too, by the same tests.
 */
export const judge = (exec: ExecResult, facts: Facts = ALONE): Judgement =>
  byEngine(exec, facts.limits) ?? byReport(exec.exitCode ?? 1, facts);

/** Undefined where the command ended by itself with an exit code that is its own to choose. */
const byEngine = (exec: ExecResult, limits: Facts["limits"]): Judgement | undefined => {
  if (exec.exceeded === "disk") return fail(`used more than ${limits?.diskMb ?? "its"} MB of disk`);
  if (exec.exceeded === "inodes") return fail(`made more than ${limits?.inodes ?? "its"} files`);
  if (exec.oomKilled) return fail("killed: out of memory");
  if (exec.timedOut) return fail(`timed out after ${seconds(exec.durationMs)}`);
  if (exec.exitCode === null) return fail("ended by a signal");
  if (exec.exitCode === 126) return notRun("command cannot be executed (exit 126)");
  if (exec.exitCode === 127) return notRun("command not found (exit 127)");
  return undefined;
};

const byReport = (code: number, { gate, answer, baseline, permits }: Facts): Judgement => {
  if (answer.kind === "unreadable" && code === 0)
    return fail(`exit 0, but its test report cannot be trusted: ${answer.reason}`);
  if (answer.kind !== "report") return withoutReport(code, { gate, baseline, permits });
  const { tests } = answer.report;
  const lost = baseline && lostTests(tests, baseline, permittedTests(gate, permits));
  const failed = failing(tests);
  if (code !== 0 || failed.length > 0)
    return sameRed(code, tests, { baseline, lost }) ?? fail(redReason(code, failed, baseline));
  if (tests.length === 0) return notRun("no test was collected");
  if (tests.every(isSkipped))
    return notRun(`none of its ${tests.length} tests ran: all are skipped`);
  if (lost !== undefined) return fail(lost);
  return {
    verdict: "pass",
    reason: `exit 0, ${tests.length} ${tests.length === 1 ? "test" : "tests"}`,
  };
};

/** What follows for a gate that is red as the base is: undefined where something else is wrong with it. */
const sameRed = (
  code: number,
  tests: TestOutcomes,
  { baseline, lost }: { baseline: Baseline | undefined; lost: string | undefined },
): Judgement | undefined => {
  const failed = failing(tests);
  if (baseline?.red?.exitCode !== code || failed.length === 0) return undefined;
  const excused = new Set(failing(baseline.outcomes));
  if (!failed.every((name) => excused.has(name))) return undefined;
  const hidden = neverTold(tests, excused);
  if (hidden.length > 0)
    return fail(
      `failed on the base, so make them pass or leave them: ${listed(hidden, "test is gone or skipped", "tests are gone or skipped")}`,
    );
  if (lost !== undefined) return fail(lost);
  const reason = `red on the base too: the same ${listed(failed, "test fails", "tests fail")}`;
  const baseRed = { failing: failed.length, receipt: baseline.red.receipt };
  return { verdict: "pass", reason, baseRed };
};

const withoutReport = (
  code: number,
  { gate, baseline, permits }: Pick<Facts, "gate" | "baseline" | "permits">,
): Judgement => {
  if (code !== 0) return fail(`exit ${code}`);
  if (baseline === undefined || permits.includes(`gates:${gate}`))
    return { verdict: "pass", reason: "exit 0" };
  const before = `the base's test runner reported ${baseline.outcomes.length} tests and this one nothing`;
  return fail(`${before}: let it run them again`);
};

/** What fails, and of it first what did not on the base. */
const redReason = (code: number, failed: readonly string[], baseline: Baseline | undefined) => {
  const how = code === 0 ? "exit 0, but its report says otherwise" : `exit ${code}`;
  if (failed.length === 0) return how;
  const before = new Set(baseline && failing(baseline.outcomes));
  const fresh = failed.filter((name) => !before.has(name));
  if (before.size === 0 || fresh.length === 0)
    return `${how}: ${listed(failed, "test fails", "tests fail")}`;
  return `${how}: ${listed(fresh, "test fails that did not on the base", "tests fail that did not on the base")}`;
};

/** Which tests of the base this tree no longer runs, as a sentence that says what to do; undefined when none. */
const lostTests = (
  tests: TestOutcomes,
  { outcomes }: Baseline,
  permitted: (name: string) => boolean,
): string | undefined => {
  const missing = gone(tests, outcomes, permitted);
  if (missing.length > 0)
    return `fewer tests than the base, bring them back: ${listed(missing, "test is gone", "tests are gone")}`;
  const skipped = newlySkipped(tests, outcomes, permitted);
  if (skipped.length > 0)
    return `more tests are skipped than on the base, let them run: ${listed(skipped, "test is skipped", "tests are skipped")}`;
  return undefined;
};
