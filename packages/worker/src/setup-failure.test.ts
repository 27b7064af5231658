import { SetupFailedError } from "@headrace/domain";
import { expect, test } from "vitest";
import { tellSetupFailure } from "./setup-failure.ts";

test("a failed set-up is told with the hosts it did not get, each with its reason", () => {
  const log = "/bin/sh: 1: make: not found\n";
  const failure = new SetupFailedError(
    "make deps",
    127,
    log,
    ["a.example"],
    [
      { host: "b.example", outcome: "refused", reason: "it resolves to 10.0.0.1" },
      { host: "pypi.org", outcome: "failed", reason: "ENOTFOUND" },
    ],
  );
  const told = tellSetupFailure(failure);
  expect(told).toContain("  setup: [a.example]\n");
  expect(told).toContain("set-up was refused b.example: it resolves to 10.0.0.1\n");
  expect(told).toContain("pypi.org could not be reached: ENOTFOUND\n");
  expect(told).toContain("`make` is not in the image");
});
