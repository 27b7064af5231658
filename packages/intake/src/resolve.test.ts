import { fromUsd, Gate } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { BUILT_IN_PROTECTED, resolveBudget, resolvePolicy } from "./resolve.ts";

const gate = (name: string) => Gate.parse({ name, run: name });
const spec = (over: object = {}) => ({
  gates: undefined,
  setup: undefined,
  protected: undefined,
  budget: undefined,
  ...over,
});
const nothing = { gates: [], setup: [] };

describe("the policy takes each field from the first that gives it", () => {
  const detected = { gates: [gate("detected")], setup: ["detected"] };
  test.each([
    ["the spec", { gates: [gate("spec")] }, { gates: [gate("file")] }, "spec"],
    ["headrace.yaml", {}, { gates: [gate("file")] }, "file"],
    ["detection", {}, {}, "detected"],
  ])("gates from %s", (_name, fromSpec, config, source) => {
    const policy = resolvePolicy({ spec: spec(fromSpec), config, detected });
    expect(policy.gates.map((one) => one.name)).toEqual([source]);
    expect(policy.from).toEqual({ gates: source, setup: "detected" });
  });

  test("an empty list of setup commands is an answer", () => {
    const policy = resolvePolicy({ spec: spec({ setup: [] }), config: {}, detected });
    expect(policy).toMatchObject({ setup: [], from: { setup: "spec" } });
  });

  test("what nobody gives is left to the plan", () => {
    const policy = resolvePolicy({ spec: spec(), config: {}, detected: nothing });
    expect(policy).toMatchObject({ gates: [], setup: [], from: { gates: "none", setup: "none" } });
  });

  test("protected paths are the union, the built-in ones always among them", () => {
    const policy = resolvePolicy({
      spec: spec({ protected: ["a/**", "headrace.yaml"] }),
      config: { protected: ["b/**", "a/**"] },
      detected: nothing,
    });
    expect(policy.protected).toEqual([...BUILT_IN_PROTECTED, "a/**", "b/**"]);
  });

  test("the sandbox is headrace.yaml's, with defaults for the rest", () => {
    const sandbox = { image: "img:1", memory: 4096, env: { TZ: "UTC" } };
    const policy = resolvePolicy({ spec: spec(), config: { sandbox }, detected: nothing });
    expect(policy).toMatchObject({
      image: "img:1",
      env: { TZ: "UTC" },
      limits: { memoryMb: 4096, cpus: 1, pids: 512 },
    });
  });
});

describe("the budget", () => {
  test.each([
    ["is 20 dollars when nobody says anything", undefined, undefined, undefined, { budget: 20 }],
    ["is the spec's", undefined, 5, undefined, { budget: 5 }],
    ["is what the person asks for before what the spec says", 7, 5, undefined, { budget: 7 }],
    ["is lowered by the repository", 7, 5, 2, { budget: 2, loweredBy: "headrace.yaml" }],
    ["is never raised by the repository", undefined, 5, 50, { budget: 5 }],
  ])("%s", (_title, asked, fromSpec, file, { budget, ...rest }) => {
    const usd = (amount: number | undefined) => (amount === undefined ? amount : fromUsd(amount));
    expect(
      resolveBudget({
        asked: usd(asked),
        spec: spec({ budget: usd(fromSpec) }),
        config: { budget: usd(file) },
      }),
    ).toEqual({ budget: fromUsd(budget), ...rest });
  });
});
