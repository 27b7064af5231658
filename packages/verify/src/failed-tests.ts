import { plainLine, plainText } from "@headrace/domain";

const MAX_NAME = 200;

/** How common runners name a test that failed; the first group is its name. */
const FAILURES: readonly RegExp[] = [
  /^ *FAIL +(\S.* > .*)$/, // vitest
  /^ +● (\S.*)$/, // jest
  /^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$/, // pytest
  /^ *✖ (?!failing tests)(\S.*?)(?: \(\d[\d.]*ms\))?$/, // node --test, spec reporter
  /^ *not ok \d+ - (\S.*?)(?: # .*)?$/, // tap
  /^ *--- FAIL: (\S+)/, // go test
  /^test (\S+) \.\.\. FAILED$/, // cargo
  /^(?:FAIL|ERROR): (\S+ \(.*\))$/, // unittest
];

/** Tests that an output says failed: for people to read, never to decide by. */
const failedTests = (output: string): Set<string> =>
  new Set(
    output
      .split("\n")
      .filter((line) => line.length < 500)
      .map((line) => plainText(line).trimEnd())
      .flatMap((line) => {
        for (const failure of FAILURES) {
          const name = failure.exec(line)?.[1];
          if (name !== undefined) return [plainLine(name, MAX_NAME)];
        }
        return [];
      }),
  );

/** Tests that failed in one of two runs alone, as their outputs say. */
export const differingTests = (first: string, second: string): string[] => {
  const [a, b] = [failedTests(first), failedTests(second)];
  return [...a, ...b].filter((name) => !(a.has(name) && b.has(name))).slice(0, 20);
};
