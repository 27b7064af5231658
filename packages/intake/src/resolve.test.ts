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
const nothing = { gates: [], setup: [], tools: [] };

describe("the policy takes each field from the first that gives it", () => {
  const detected = { gates: [gate("detected")], setup: ["detected"], tools: [] };
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

test("services, disk and hosts are headrace.yaml's, the person's own hosts among them", () => {
  const services = [{ name: "db", image: "postgres:16", env: {}, ready: "x", memoryMb: 512 }];
  const network = { setup: ["a.example", "b.example"] };
  const user = {
    network: { setup: ["b.example"], research: ["docs.example"] },
    isolation: { runtime: "gvisor" as const, userns: "any" as const },
  };
  const isolation = { runtime: "default", userns: "required" } as const;
  const config = { sandbox: { services, network, isolation, disk: 2048 } };
  expect(resolvePolicy({ spec: spec(), config, detected: nothing, user })).toMatchObject({
    services,
    network: { setup: ["b.example", "a.example"], research: ["docs.example"] },
    isolation: { runtime: "gvisor", userns: "required" },
    limits: { diskMb: 2048 },
  });
});

test("the verification budget is headrace.yaml's, and nobody's where it says nothing", () => {
  const policy = (config: object) => resolvePolicy({ spec: spec(), config, detected: nothing });
  expect(policy({ verification: { budget: 0 } }).verification).toEqual({ budget: 0 });
  expect(JSON.stringify(policy({}))).not.toContain("verification");
});

test("versions and the image that has them are what was detected, unless an image is named", () => {
  const tools = [{ tool: "python", version: "3.12", from: ".python-version" }];
  const detected = { ...nothing, tools, image: "docker.io/library/python:3.12-bookworm" };
  const policy = (config: object) => resolvePolicy({ spec: spec(), config, detected });
  expect(policy({})).toMatchObject({ tools, image: detected.image });
  expect(policy({ sandbox: { image: "own:1" } })).toMatchObject({ image: "own:1" });
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
