import { randomUUID } from "node:crypto";
import type { Sandbox, SandboxSpec } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { dockerHarness } from "../support/engine.ts";
import { LABELS_OF_TEST, LIMITS, plainImage, printed } from "./suites/sandbox-harness.ts";

const SOON = { timeout: 20_000, interval: 50 };

let harness: Awaited<ReturnType<typeof dockerHarness>>;
let spec: SandboxSpec;
beforeEach(async () => {
  harness = await dockerHarness();
  const image = await plainImage(harness);
  spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
});
afterEach(() => harness[Symbol.asyncDispose]());

/** Containers of this test's installation that do a step's work, or that of one step. */
const containers = async (step?: string): Promise<string[]> => {
  const ofStep = step === undefined ? "headrace.step" : `headrace.step=${step}`;
  const label = [`headrace.owner=${harness.owner}`, ofStep];
  const found = await harness.docker.listContainers({ all: true, filters: { label } });
  return found.map(({ Id }) => Id);
};

/** Has one started ahead and waits until it runs. */
const startedAhead = async (ahead = spec): Promise<string> => {
  harness.sandboxes.warm(ahead);
  return vi.waitFor(async () => {
    const [id = expect.fail("none is started yet")] = await containers("warm");
    expect((await harness.docker.getContainer(id).inspect()).State.Running).toBe(true);
    return id;
  }, SOON);
};

describe("a sandbox started ahead", () => {
  it("is the next one of its kind, fresh, once", async () => {
    const ahead = await startedAhead();
    harness.sandboxes.warm(spec);
    await using taken = await harness.sandboxes.open(spec);
    expect(taken.id).toBe(ahead);
    expect(await printed(taken, "ls -A; echo $PWD")).toBe("/workspace");
    await using next = await harness.sandboxes.open(spec);
    expect(next.id).not.toBe(ahead);
  });

  it.each([
    ["other limits", { limits: { ...LIMITS, pids: 64 } }],
    ["another environment", { env: { MODE: "other" } }],
    ["another run", { labels: { run: "run-2", step: "step-1" } }],
    ["a network", { network: { hosts: [] } }],
  ])("is not given to one with %s", async (_, difference: Partial<SandboxSpec>) => {
    const ahead = await startedAhead();
    await using other = await harness.sandboxes.open({ ...spec, ...difference });
    expect(other.id).not.toBe(ahead);
  });

  it("that died meanwhile is replaced, and nothing of it is left", async () => {
    const ahead = await startedAhead();
    await harness.docker.getContainer(ahead).kill();
    await vi.waitFor(async () => {
      await using sandbox = await harness.sandboxes.open(spec);
      expect(await printed(sandbox, "echo works")).toBe("works");
    }, SOON);
    await vi.waitFor(async () => expect(await containers()).toEqual([]), SOON);
  });

  it("is one of at most two, and goes when the factory closes", async () => {
    for (const mode of ["a", "b", "c"]) harness.sandboxes.warm({ ...spec, env: { MODE: mode } });
    await vi.waitFor(async () => expect(await containers("warm")).toHaveLength(2), SOON);
    await harness.sandboxes.close();
    expect(await containers()).toEqual([]);
  });

  it("never fails, even of an image that is not there", async () => {
    harness.sandboxes.warm({ ...spec, image: "headrace-test:none" });
    await using sandbox = await harness.sandboxes.open(spec);
    expect(await printed(sandbox, "echo works")).toBe("works");
  });
});

describe("room on the engine", () => {
  const most = async (): Promise<SandboxSpec> => {
    const { memoryBytes } = await harness.sandboxes.describe();
    return { ...spec, limits: { ...LIMITS, memoryMb: Math.floor(memoryBytes / 2 ** 20) } };
  };

  it("is waited for, taken back from what was started ahead, and given on when a sandbox ends", async () => {
    await startedAhead();
    const large = await most();
    const first = await harness.sandboxes.open(large);
    expect(await containers("warm")).toEqual([]);
    let second: Sandbox | undefined;
    const waiting = harness.sandboxes.open(large).then((sandbox) => {
      second = sandbox;
    });
    const given = new AbortController();
    const gaveUp = expect(harness.sandboxes.open(spec, given.signal)).rejects.toThrow("cancelled");
    given.abort(new Error("cancelled"));
    await gaveUp;
    expect(await containers()).toEqual([first.id]);
    expect(second).toBeUndefined();
    await first[Symbol.asyncDispose]();
    await waiting;
    expect(await containers()).toEqual([second?.id]);
    await second?.[Symbol.asyncDispose]();
  });

  it("is given back by gates, and by what could not be started", async () => {
    const large = await most();
    const gate = { tar: new Uint8Array(1024), timeoutMs: 20_000, maxOutputBytes: 100 };
    const gates = ["echo 1", "echo 2"].map((command) =>
      harness.sandboxes.runGate({ ...large, ...gate, command }),
    );
    expect((await Promise.all(gates)).map(({ output }) => output)).toEqual(["1\n", "2\n"]);
    const none = { ...large, image: "headrace-test:none" };
    await expect(harness.sandboxes.open(none)).rejects.toThrow();
    await using sandbox = await harness.sandboxes.open(large);
    expect(await printed(sandbox, "echo works")).toBe("works");
  });
});

describe("folders that an image declares as volumes", () => {
  it("lie in the sandbox's memory, not on the engine's disk", async () => {
    const tag = `headrace-test:${randomUUID()}`;
    const container = await harness.docker.createContainer({ Image: baseImageTag() });
    const [repo, name] = tag.split(":");
    await container.commit({ repo, tag: name, changes: ["VOLUME /data"] });
    await container.remove({ v: true });
    harness.discardLater(tag);
    const { Id } = await harness.docker.getImage(tag).inspect();
    await using sandbox = await harness.sandboxes.open({ ...spec, image: Id });
    expect(await printed(sandbox, "stat -f -c %T /data; echo x > /data/x && cat /data/x")).toBe(
      "tmpfs\nx",
    );
    const { Mounts } = await harness.docker.getContainer(sandbox.id).inspect();
    expect(Mounts.filter(({ Type }) => Type === "volume")).toEqual([]);
  });
});

describe("the reaper", () => {
  it("finds what was created after its creation was given up", async () => {
    const openings = Array.from({ length: 12 }, (_, i) => {
      const given = new AbortController();
      setTimeout(() => given.abort(new Error("given up")), i * 15);
      return harness.sandboxes.open(spec, given.signal);
    });
    const settled = await Promise.allSettled(openings);
    for (const one of settled) {
      if (one.status === "fulfilled") await one.value[Symbol.asyncDispose]();
    }
    await vi.waitFor(async () => {
      await harness.sandboxes.reap();
      expect(await containers()).toEqual([]);
    }, SOON);
  });
});
