import { expect, test } from "vitest";
import { failureHint } from "./hints.ts";

test.each([
  ["npm error code EAI_AGAIN", 1],
  ["Error: getaddrinfo ENOTFOUND example.com", 1],
  ["fatal: unable to access: Could not resolve host: github.com", 128],
])("a gate that printed %j is told to have no network", (output, exitCode) => {
  expect(failureHint("gate", { exitCode, output })).toContain("gates have no network");
  expect(failureHint("setup", { exitCode, output })).toBeUndefined();
});

test.each([
  "/bin/sh: 1: make: not found\n",
  "bash: line 1: make: command not found\n",
  "\u001b[31msh: 1: make: not found\u001b[0m",
])("a command that is missing in %j is named with what gets it there", (output) => {
  for (const phase of ["setup", "gate"] as const) {
    const hint = failureHint(phase, { exitCode: 127, output });
    expect(hint).toContain("`make`");
    expect(hint).toContain("`sandbox.image`");
    expect(hint).toContain("`sandbox.dockerfile`");
  }
  expect(failureHint("gate", { exitCode: 1, output })).toBeUndefined();
});

test.each([
  "E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)",
  "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
  "dpkg: error: requested operation requires superuser privilege",
])("a set-up that would install with apt is told what does: %j", (output) => {
  const hint = failureHint("setup", {
    exitCode: 100,
    output: `Reading package lists...\n${output}\n`,
  });
  expect(hint).toContain("nothing here is root");
  expect(hint).toContain("`sandbox.dockerfile`");
});
