import { expect, test } from "vitest";
import { countTests } from "./count-tests.ts";

test.each([
  [
    "vitest",
    "\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m12 passed\u001b[39m\u001b[22m\u001b[90m (12)\u001b[39m\n",
    12,
  ],
  ["vitest with failures", " Test Files  1 failed (3)\n      Tests  2 failed | 7 passed (9)\n", 9],
  ["jest", "Test Suites: 2 passed, 2 total\nTests:       1 failed, 4 passed, 5 total\n", 5],
  ["node --test as TAP", "# tests 7\n# pass 7\n", 7],
  ["node --test as spec", "ℹ tests 3\nℹ pass 3\n", 3],
  ["pytest", "collected 11 items\n\n==== 11 passed in 0.12s ====\n", 11],
  ["pytest -q", "...........\n11 passed, 1 warning in 0.12s\n", 11],
  ["unittest", "----\nRan 4 tests in 0.001s\n\nOK\n", 4],
  ["cargo", "test result: ok. 3 passed; 0 failed\n\ntest result: ok. 2 passed; 0 failed\n", 5],
  ["go test -v", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n", 2],
  ["mocha", "\n  6 passing (12ms)\n", 6],
])("the number of tests is read off the summary of %s", (_runner, output, count) => {
  expect(countTests(output)).toBe(count);
});

test.each(["", "all tests passed", "compiled 3 files", `# tests ${"9".repeat(400)}`])(
  "%j names no number of tests",
  (output) => {
    expect(countTests(output)).toBeUndefined();
  },
);
