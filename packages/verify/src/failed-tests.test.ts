import { expect, test } from "vitest";
import { differingTests } from "./failed-tests.ts";

test.each([
  ["vitest", " FAIL  src/a.test.ts > adds > twice", "src/a.test.ts > adds > twice"],
  ["jest", "  ● adds › twice", "adds › twice"],
  ["pytest", "FAILED tests/test_a.py::test_b - assert 1 == 2", "tests/test_a.py::test_b"],
  ["node --test", "✖ adds twice (1.5ms)", "adds twice"],
  ["tap", "not ok 2 - adds twice", "adds twice"],
  ["go test", "--- FAIL: TestAdds (0.00s)", "TestAdds"],
  ["cargo", "test adds::twice ... FAILED", "adds::twice"],
  ["unittest", "FAIL: test_b (test_a.A.test_b)", "test_b (test_a.A.test_b)"],
])("a test that %s says failed in one run alone is named", (_runner, line, name) => {
  const other = "noise\n";
  expect(differingTests(`x\n\u001b[31m${line}\u001b[39m\n`, other)).toEqual([name]);
  expect(differingTests(other, line)).toEqual([name]);
  expect(differingTests(line, line)).toEqual([]);
});
