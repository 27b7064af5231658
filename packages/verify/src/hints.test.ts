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
])("a command that is missing in %j is named with the two places to get it from", (output) => {
  for (const phase of ["setup", "gate"] as const) {
    const hint = failureHint(phase, { exitCode: 127, output });
    expect(hint).toContain("`make`");
    expect(hint).toContain("`sandbox.image`");
    expect(hint).toContain("`setup`");
  }
  expect(failureHint("gate", { exitCode: 1, output })).toBeUndefined();
});
