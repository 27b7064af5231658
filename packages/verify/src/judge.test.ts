import { expect, test } from "vitest";
import { ended } from "./exec-fixture.ts";
import { judge } from "./judge.ts";

test.each([
  [{ exitCode: 0 }, "pass", "exit 0"],
  [{ exitCode: 1 }, "fail", "exit 1"],
  [{ exitCode: 255 }, "fail", "exit 255"],
  [{ exitCode: 126 }, "not_run", "command cannot be executed (exit 126)"],
  [{ exitCode: 127 }, "not_run", "command not found (exit 127)"],
  [{ exitCode: null }, "fail", "ended by a signal"],
  [{ exitCode: null, timedOut: true, durationMs: 61_240 }, "fail", "timed out after 61.2 s"],
  [{ exitCode: 0, timedOut: true, durationMs: 2000 }, "fail", "timed out after 2 s"],
  [{ exitCode: 0, oomKilled: true }, "fail", "killed: out of memory"],
  [{ exitCode: 137, oomKilled: true }, "fail", "killed: out of memory"],
  [{ exitCode: null, exceeded: "disk" }, "fail", "used more than 100 MB of disk"],
  [{ exitCode: 0, exceeded: "inodes" }, "fail", "made more than 5000 files"],
  [{ exitCode: 1, output: "all tests passed\nexit 0" }, "fail", "exit 1"],
] as const)("%j is %s", (exec, verdict, reason) => {
  expect(judge(ended(exec), { diskMb: 100, inodes: 5000 })).toEqual({ verdict, reason });
});
