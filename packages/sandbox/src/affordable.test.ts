import { SandboxLimits } from "@headrace/domain";
import { expect, it } from "vitest";
import { needOf } from "./admission.ts";
import { affordable } from "./affordable.ts";

const GIB = 1024 ** 3;
const ENGINE = { memoryBytes: 24 * GIB, cpus: 4 };
const MOST = Math.floor(24 * 1024 * 0.8);
const service = (memoryMb: number) => ({ name: "db", image: "postgres", env: {}, memoryMb });

it("what an engine can give is given as it is asked for", () => {
  const asked = {
    limits: SandboxLimits.parse({ memoryMb: 4096, cpus: 4 }),
    services: [service(512)],
  };
  expect(affordable(asked, ENGINE)).toEqual({ ...asked, told: [] });
});

it("nobody gets more memory, processors or disk than the engine gives to sandboxes in all", () => {
  const limits = SandboxLimits.parse({ memoryMb: 200 * 1024, cpus: 100, diskMb: 1024 * 1024 });
  const given = affordable({ limits }, ENGINE, 50_000);
  expect(given.limits).toEqual({ ...limits, memoryMb: MOST, cpus: 4, diskMb: 50_000 });
  expect(given.told).toEqual([
    `sandboxes get ${MOST} MB of memory with all their services: the engine has no 204800 for them`,
    "sandboxes get 4 processors: the engine has no 100",
    "sandboxes get 50000 MB of disk: the engine has no 1048576 for them",
  ]);
});

it("services count: with a sandbox they fit into what there is for all", () => {
  const limits = SandboxLimits.parse({ memoryMb: 10_000 });
  const given = affordable({ limits, services: [service(20_000), service(262_144)] }, ENGINE);
  const { memoryMb } = needOf(given.limits, given.services);
  expect(memoryMb).toBeLessThanOrEqual(MOST);
  expect(memoryMb).toBeGreaterThan(MOST - 10);
});

it("an engine that is too small for any sandbox still bounds one by half of what it has", () => {
  const limits = SandboxLimits.parse({ memoryMb: 2048 });
  const given = affordable({ limits }, { memoryBytes: GIB, cpus: 1 });
  expect(given.limits.memoryMb).toBe(512);
});
