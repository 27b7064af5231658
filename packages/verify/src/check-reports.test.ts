import { type GateEnd, type GateSpec, Policy, type TestOutcomes } from "@headrace/domain";
import { expect, test } from "vitest";
import { checkRepository } from "./check-repository.ts";
import { ended, groundOf, reportFor } from "./exec-fixture.ts";

const tests = (failing: readonly string[]): TestOutcomes =>
  ["a", "b", "c"].map((name) => ({ name, outcome: failing.includes(name) ? "failed" : "passed" }));

/** The row of one gate whose two runs print and report as told. */
const rowOf = async (...runs: { failing?: string[]; exitCode: number; output?: string }[]) => {
  const left = [...runs];
  const runGate = async (spec: GateSpec): Promise<GateEnd> => {
    const { failing, exitCode, output = "" } = left.shift() ?? { exitCode: 1 };
    const end = ended({ exitCode, output });
    return failing === undefined ? end : { ...end, collected: reportFor(spec, tests(failing)) };
  };
  const environment = async () => ({ image: "env:1", cached: true, durationMs: 1, log: "" });
  const gates = [{ name: "test", run: "npm test", canary: "off" }];
  const policy = Policy.parse({
    ...{ gates, setup: [], protected: [], from: { gates: "file", setup: "none" } },
  });
  const { rows } = await checkRepository({
    ...{ sandboxes: { environment, runGate }, policy, files: [], ground: groundOf() },
    labels: { run: "check", step: "check" },
  });
  return rows[0];
};

const PRINTED = "# tests 99\n✖ printed\n";

test("tests are those that the runner reported, whatever was printed", async () => {
  const run = { failing: [], exitCode: 0, output: PRINTED };
  expect(await rowOf(run, run)).toMatchObject({ verdict: "pass", tests: 3, flaky: false });
});

test("a gate that is red by other tests each time is flaky, and they are named", async () => {
  const row = await rowOf(
    { failing: ["a", "b"], exitCode: 1, output: PRINTED },
    { failing: ["b", "c"], exitCode: 1 },
  );
  expect(row).toMatchObject({ verdict: "flaky", red: true, differing: ["a", "c"] });
});

test("a gate that is red by the same tests is not flaky, whatever it prints", async () => {
  const row = await rowOf(
    { failing: ["a"], exitCode: 1, output: PRINTED },
    { failing: ["a"], exitCode: 1 },
  );
  expect(row).toMatchObject({ verdict: "fail", reason: "exit 1: 1 test fails: a", flaky: false });
});

test("where a run reports nothing, what was printed names the tests", async () => {
  const row = await rowOf({ exitCode: 1, output: PRINTED }, { failing: [], exitCode: 0 });
  expect(row).toMatchObject({ verdict: "flaky", differing: ["printed"], tests: 99 });
});
