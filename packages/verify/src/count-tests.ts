import { plainText } from "@headrace/domain";

/** Summary lines of common runners; the first group is a number of tests. */
const SUMMARIES: readonly RegExp[] = [
  /^ *Tests:.* (\d{1,9}) total\b/, // jest
  /^ *Tests .*\((\d{1,9})\)$/, // vitest
  /^(?:#|ℹ) tests (\d{1,9})$/, // node --test
  /^test result: \w+\. (\d{1,9}) passed/, // cargo, once per crate
  /^collected (\d{1,9}) items?\b/, // pytest
  /^=* ?(\d{1,9}) passed\b.* in [\d.]+s/, // pytest -q
  /^Ran (\d{1,9}) tests? in /, // unittest
  /^ +(\d{1,9}) passing\b/, // mocha
  /^--- (?:PASS|FAIL|SKIP): /, // go test -v, once per test
];

/** Tests a gate's output speaks of: for people to read, never to decide by. Undefined when it names none. */
export const countTests = (output: string): number | undefined => {
  // the patterns are run on short lines only: the output is hostile
  const lines = output
    .split("\n")
    .filter((line) => line.length < 300)
    .map((line) => plainText(line).trimEnd());
  for (const summary of SUMMARIES) {
    const found = lines.flatMap((line) => {
      const match = summary.exec(line);
      return match === null ? [] : [Number(match[1] ?? 1)];
    });
    if (found.length > 0) return found.reduce((a, b) => a + b, 0);
  }
  return undefined;
};
