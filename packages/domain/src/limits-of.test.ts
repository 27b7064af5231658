import { expect, test } from "vitest";
import { accountsOf } from "./budget.ts";
import { isSimulated, limitsOf } from "./limits-of.ts";
import { fromUsd } from "./money.ts";
import { RunLog } from "./run-log-fixture.ts";

const INSTALLATION = { total: fromUsd(50), day: fromUsd(5), hour: fromUsd(1) };
const AT = new Date("2026-11-21T12:00:00Z");

const boundsOf = (log: RunLog) => {
  const { run } = log.state;
  const limits = limitsOf(log.state, {}, INSTALLATION);
  return { limits, accounts: accountsOf({ run: "r", simulated: isSimulated(run) }, limits, AT) };
};

test("a run is bounded by its own budget and by what the installation's configuration says", () => {
  const { limits, accounts } = boundsOf(new RunLog());
  expect(limits).toMatchObject({ ...INSTALLATION, run: fromUsd(20) });
  expect(accounts.map(({ path, limit }) => [path, limit])).toEqual([
    ["installation", fromUsd(50)],
    ["day/2026-11-21", fromUsd(5)],
    ["run/r", fromUsd(20)],
  ]);
});

test("what a simulated run pretends to spend takes nothing from the installation's budgets", () => {
  const { limits, accounts } = boundsOf(new RunLog({ model: { kind: "script", file: "/s.yaml" } }));
  expect(limits).toEqual({ run: fromUsd(20) });
  expect(accounts.map(({ path, limit }) => [path, limit])).toEqual([
    ["simulated", undefined],
    ["simulated/day/2026-11-21", undefined],
    ["run/r", fromUsd(20)],
  ]);
});
