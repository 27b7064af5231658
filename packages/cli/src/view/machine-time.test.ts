import { Policy } from "@headrace/domain";
import { expect, it } from "vitest";
import { aboutHours, aboutTimeouts } from "./machine-time.ts";

const policy = (gates: object[], more: object = {}) =>
  Policy.parse({
    ...{ gates, setup: [], protected: [], from: { gates: "file", setup: "file" } },
    ...more,
  });
const gates = [
  { name: "test", run: "npm test", timeoutS: 1800 },
  { name: "lint", run: "npm run lint" },
];

it("a person sees before a run what gates take at most", () => {
  expect(aboutTimeouts(policy(gates))).toBe(
    "machine time: by their timeouts gates take at most 40 m 00 s for each verification and 2 h 00 m for " +
      "further checks; measured on the base first; what agents take comes on top",
  );
  expect(aboutTimeouts(policy(gates, { verification: { budget: 0 } }))).toContain(
    "at most 40 m 00 s for each verification; measured",
  );
  expect(aboutTimeouts(policy([]))).toMatch(/^machine time: known once the plan's gates have run/);
});

it("a person sees with the plan what verifying its tasks takes, by what was measured", () => {
  const time = { tasks: 12, gatesMs: 300_000, checksMs: 900_000, unmeasured: [] };
  expect(aboutHours(time)).toBe(
    "machine time to verify 12 tasks once: up to 5 h 00 m (each: gates 5 m 00 s, at most 15 m 00 s of further " +
      "checks, gates again to land)",
  );
  const alone = { tasks: 1, gatesMs: 1000, checksMs: 0, unmeasured: ["e2e"] };
  expect(aboutHours(alone)).toBe(
    "machine time to verify 1 task once: up to 2.0 s (each: gates 1.0 s, gates again to land; not measured yet: e2e)",
  );
  expect(aboutHours({ ...alone, gatesMs: 0 })).toBe(
    "machine time to verify 1 task: known once gates (e2e) have run",
  );
});
