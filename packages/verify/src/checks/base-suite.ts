import type { Gate } from "@headrace/domain";
import { listed, permittedTests } from "../compare-tests.ts";
import type { Baseline } from "../judge.ts";
import type { GateRun } from "../run-gates.ts";
import { toRestore } from "./changed-tests.ts";
import { alteredTree, type Finding, failingIn, OUT_OF_TIME, type Site, testGates } from "./site.ts";

/**
 * Runs the base's own tests over the change. One that passed on the base and is reported to fail here, twice, fails the
 * change. Whatever else is red is flagged: tests that cannot be loaded, because what they import was renamed as well as
 * because somebody wanted them gone, and gates that only have an exit code.
 */
export const baseSuite = async (site: Site): Promise<Finding> => {
  const { base, commit, permits } = site;
  const paths = toRestore(site.changed, permits);
  if (paths.length === 0)
    return {
      outcome: "pass",
      detail: "every test file of the base that binds it is in the change",
    };
  const gates = testGates(site).filter(({ name }) => !permits.includes(`gates:${name}`));
  if (gates.length === 0)
    return { outcome: "skipped", detail: "the task may reconfigure every gate that runs tests" };
  const { tree, tar } = await alteredTree(site, commit, { from: base, paths });
  const told = `with ${paths.length} test ${paths.length === 1 ? "file" : "files"} as on the base`;
  const flags: { detail: string; output: string }[] = [];
  for (const gate of gates) {
    const ended = await twiceIfRed(site, tar, gate);
    if (ended === undefined) return { outcome: "skipped", detail: `${OUT_OF_TIME}, ${told}` };
    const { output } = ended.last;
    const broken = brokenTests(ended, site.baseline, permittedTests(gate.name, permits));
    if (broken.length > 0) {
      const tests = listed(broken, "test of the base fails", "tests of the base fail");
      const detail = `${told}, gate ${gate.name}: ${tests}. ${REMEDY}`;
      return { outcome: "fail", detail, tree, output };
    }
    const problem = problemOf(ended);
    if (problem !== undefined) flags.push({ detail: `gate ${gate.name} ${problem}`, output });
  }
  const [first] = flags;
  if (first === undefined) return { outcome: "pass", detail: `green ${told}`, tree };
  const details = flags.map(({ detail }) => detail).join("; ");
  return { outcome: "flagged", detail: `${told}, ${details}`, tree, output: first.output };
};

const REMEDY =
  "Keep what they check; if the task itself asks for something else there, report it as blocked: its plan lacks a path: permit for those files";

type Ended = { first: GateRun; last: GateRun };

/** A red run is made once more, for it may be chance; where no time is left for that, it stands. */
const twiceIfRed = async (
  { bench, baseline, permits, time }: Site,
  tar: Uint8Array,
  gate: Gate,
): Promise<Ended | undefined> => {
  const run = () => time.run({ ...bench, tar, baseline, permits }, gate);
  const first = await run();
  if (first === undefined) return undefined;
  if (first.result.verdict === "pass") return { first, last: first };
  return { first, last: (await run()) ?? first };
};

/** Tests that passed on the base and fail here in both runs, less those that the task may change. */
const brokenTests = (
  { first, last }: Ended,
  baseline: readonly Baseline[],
  permitted: (name: string) => boolean,
): string[] => {
  const base = baseline.find(({ gate }) => gate === first.result.gate)?.outcomes ?? [];
  const passed = new Set(base.filter((t) => t.outcome === "passed").map(({ name }) => name));
  const again = new Set(failingIn(last));
  return failingIn(first).filter((n) => passed.has(n) && again.has(n) && !permitted(n));
};

const problemOf = ({ first, last }: Ended): string | undefined => {
  if (first.result.verdict === "pass") return undefined;
  if (last.result.verdict === "pass")
    return `was red once (${first.result.reason}) and green the second time`;
  return `is red, and by no test that the base passed: ${last.result.reason}`;
};
