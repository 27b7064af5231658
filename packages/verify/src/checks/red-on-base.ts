import { failing, listed } from "../compare-tests.ts";
import type { Baseline } from "../judge.ts";
import type { GateRun } from "../run-gates.ts";
import { classOf } from "../tamper/classes.ts";
import { languageOf } from "../tamper/languages.ts";
import { MAX_SOURCE, readSource } from "../tamper/source.ts";
import { freshTests } from "./changed-tests.ts";
import { alteredTree, type Finding, failingIn, OUT_OF_TIME, type Site, testGates } from "./site.ts";

/**
 * Runs the tests that a fix brings over the base, which lacks the fix: where all of them pass, they do not show the fault.
 * A test that was red on the base and passes now has shown it already.
 */
export const redOnBase = async (site: Site): Promise<Finding> => {
  const { base, baseline, bench, commit, permits, time } = site;
  const mended = mendedTests(site);
  if (mended.length > 0)
    return {
      outcome: "pass",
      detail: `red on the base and green now: ${listed(mended, "test", "tests")}`,
    };
  const paths = freshTests(site.changed);
  if (paths.length === 0) return withoutTestFiles(site);
  const { tree, tar } = await alteredTree(site, base, { from: commit, paths });
  const seen: string[] = [];
  let output = "";
  for (const gate of testGates(site)) {
    const run = await time.run({ ...bench, tar, baseline, permits }, gate);
    if (run === undefined) return { outcome: "skipped", detail: OUT_OF_TIME };
    const red = redness(run, baseline);
    const name = `gate ${gate.name}`;
    if (red !== undefined)
      return { outcome: "pass", detail: `without the fix ${name} is red: ${red}`, tree };
    // a base that lacks what the gate starts with shows nothing either way
    if (run.result.verdict === "not_run" && run.result.exitCode !== 0)
      return {
        outcome: "flagged",
        detail: `${name} cannot be run without the fix: ${run.result.reason}`,
        tree,
      };
    seen.push(`${name} (${run.result.reason})`);
    output ||= run.output;
  }
  const detail = `the new tests do not show the fault: they pass without the fix, by ${seen.join("; ")}. Write one that fails on the base because of what the task is to mend`;
  return { outcome: "fail", detail, tree, output };
};

/** Tests that failed on the base and pass on the change. */
const mendedTests = ({ baseline, own }: Site): string[] =>
  baseline.flatMap(({ gate, outcomes }) => {
    const now = own.find((one) => one.gate === gate)?.outcomes ?? [];
    const passed = new Set(now.filter((t) => t.outcome === "passed").map(({ name }) => name));
    return failing(outcomes).filter((name) => passed.has(name));
  });

/** What is red that was not on the base; undefined where nothing is. What a report lacks is no red here. */
const redness = (run: GateRun, baseline: readonly Baseline[]): string | undefined => {
  const { gate, verdict, reason, exitCode } = run.result;
  const before = new Set(failing(baseline.find((one) => one.gate === gate)?.outcomes ?? []));
  const fresh = failingIn(run).filter((name) => !before.has(name));
  if (fresh.length > 0) return listed(fresh, "test fails", "tests fail");
  return verdict === "fail" && exitCode !== 0 ? reason : undefined;
};

const withoutTestFiles = async ({ changed, repo, commit }: Site): Promise<Finding> => {
  for (const { path, after } of changed) {
    if (after === undefined || classOf(path) !== "product") continue;
    const bytes = await repo.read(commit, path);
    const inside = bytes !== undefined && declaresTests(path, new TextDecoder().decode(bytes));
    if (inside)
      return {
        outcome: "skipped",
        detail: `its tests stand in what they test (${path}), and cannot be run without it`,
      };
  }
  return { outcome: "flagged", detail: "the task is a fix, and no test file is new or changed" };
};

const declaresTests = (path: string, text: string): boolean => {
  const language = languageOf(path);
  if (language === undefined || text.length > MAX_SOURCE) return false;
  return readSource(text, language.syntax).code.search(language.tests) >= 0;
};
