import { Policy, SandboxLimits } from "@headrace/domain";
import { BUILT_IN_PROTECTED } from "@headrace/intake";
import { expect, it } from "vitest";
import { aboutAsked, aboutBase, aboutGiven, aboutPolicy } from "./policy-lines.ts";

it("a person sees what a repository asks for: services, names of variables, what is protected", () => {
  const policy = Policy.parse({
    gates: [],
    setup: [],
    protected: [...BUILT_IN_PROTECTED, "migrations/**"],
    env: { TZ: "UTC", NODE_OPTIONS: "--max-old-space-size=4096" },
    services: [{ name: "db", image: "postgres:16" }],
    from: { gates: "none", setup: "none" },
  });
  expect(aboutPolicy(policy)).toEqual([
    "gates: none found; the plan of a run brings its own",
    "service db: postgres:16",
    "environment: TZ, NODE_OPTIONS",
    "protected, besides what always is: migrations/**",
  ]);
});

it("a person sees of each gate where it is from, and what else is asked of it", () => {
  const gate = { run: "make test" };
  const policy = Policy.parse({
    gates: [
      { ...gate, name: "plain" },
      { ...gate, name: "off", canary: "off" },
      { ...gate, name: "both", canary: { patch: "--- a" }, report: "junit" },
    ],
    setup: [],
    protected: [],
    from: { gates: "file", setup: "none" },
  });
  expect(aboutPolicy(policy)).toEqual([
    "gate plain: make test (file)",
    "gate off: make test (file, canary: off)",
    "gate both: make test (file, canary: a patch, must write JUnit XML)",
  ]);
});

it("a person sees the default image, unless another one is named", () => {
  const plain = { gates: [], setup: [], protected: [], from: { gates: "none", setup: "none" } };
  expect(aboutBase(Policy.parse(plain))).toEqual([
    expect.stringMatching(/^image: headrace-base:\w+, the default, with Node \d.*, Python 3\./),
  ]);
  expect(aboutBase(Policy.parse({ ...plain, image: "node:24" }))).toEqual([]);
  expect(aboutBase(Policy.parse({ ...plain, dockerfile: "Dockerfile" }))).toEqual([]);
});

it("a person sees what sandboxes ask for, and what they get where that is another thing", () => {
  const service = { name: "db", image: "postgres:16", env: {}, memoryMb: 512 };
  const asked = {
    limits: SandboxLimits.parse({ memoryMb: 204_800, cpus: 8 }),
    services: [service],
  };
  const given = {
    limits: { ...asked.limits, memoryMb: 6000, cpus: 2 },
    services: [{ ...service, memoryMb: 14 }],
  };
  const wants = "204800 MB of memory and 512 MB for its services, cpus 8, 10240 MB of disk";
  expect(aboutAsked(asked)).toBe(`each sandbox asks for at most ${wants}`);
  expect(aboutGiven(asked, asked)).toBe(`each sandbox gets at most ${wants}`);
  expect(aboutGiven(given, asked)).toBe(
    "each sandbox gets at most 6000 MB of memory and 14 MB for its services, cpus 2, 10240 MB of disk" +
      ` (asked for: ${wants})`,
  );
});
