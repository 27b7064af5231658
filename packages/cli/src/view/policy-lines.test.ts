import { Policy } from "@headrace/domain";
import { BUILT_IN_PROTECTED } from "@headrace/intake";
import { expect, it } from "vitest";
import { aboutPolicy } from "./policy-lines.ts";

it("a person sees what a repository asks for: limits, names of variables, what is protected", () => {
  const policy = Policy.parse({
    gates: [],
    setup: [],
    protected: [...BUILT_IN_PROTECTED, "migrations/**"],
    env: { TZ: "UTC", NODE_OPTIONS: "--max-old-space-size=4096" },
    limits: { memoryMb: 204_800, cpus: 8 },
    services: [{ name: "db", image: "postgres:16" }],
    from: { gates: "none", setup: "none" },
  });
  expect(aboutPolicy(policy)).toEqual([
    "gates: none found; the plan of a run brings its own",
    "service db: postgres:16",
    "each sandbox asks for at most 204800 MB of memory and 512 MB for its services, cpus 8, 10240 MB of disk",
    "environment: TZ, NODE_OPTIONS",
    "protected, besides what always is: migrations/**",
  ]);
});
