import type { GateResult, Receipt, TestOutcomes } from "@headrace/domain";

/** One gate in two receipts of one tree; undefined where a receipt has no result of it. */
export type GateComparison = {
  gate: string;
  recorded: GateResult | undefined;
  now: GateResult | undefined;
  /** the same verdict, and where both have a report the same tests with the same outcomes */
  equal: boolean;
  /** tests that ended otherwise, by name; an outcome is absent where the test was not reported */
  tests: readonly { name: string; recorded?: string; now?: string }[];
};

/** A name may be reported more than once. */
const outcomesByName = (tests: TestOutcomes): Map<string, string> => {
  const byName = new Map<string, string[]>();
  for (const { name, outcome } of tests) byName.set(name, [...(byName.get(name) ?? []), outcome]);
  return new Map([...byName].map(([name, outcomes]) => [name, outcomes.sort().join(", ")]));
};

const differingTests = (recorded: TestOutcomes, now: TestOutcomes): GateComparison["tests"] => {
  const [before, after] = [outcomesByName(recorded), outcomesByName(now)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => {
      const [was, is] = [before.get(name), after.get(name)];
      return {
        name,
        ...(was === undefined ? {} : { recorded: was }),
        ...(is === undefined ? {} : { now: is }),
      };
    });
};

/** The gates of a recorded receipt, in its order, beside those of one that was made just now. */
export const compareReceipts = async (
  recorded: Receipt,
  now: Receipt,
  /** the list of tests that has this hash */
  testsOf: (list: string) => Promise<TestOutcomes>,
): Promise<GateComparison[]> => {
  const resultIn = ({ results }: Receipt, gate: string) => results.find((r) => r.gate === gate);
  const gates = [...new Set([...recorded.key.gates, ...now.key.gates])];
  return Promise.all(
    gates.map(async (gate): Promise<GateComparison> => {
      const [was, is] = [resultIn(recorded, gate), resultIn(now, gate)];
      const [before, after] = [was?.tests?.list, is?.tests?.list];
      const tests =
        before === undefined || after === undefined || before === after
          ? []
          : differingTests(await testsOf(before), await testsOf(after));
      const equal = was !== undefined && was.verdict === is?.verdict && tests.length === 0;
      return { gate, recorded: was, now: is, equal, tests };
    }),
  );
};
