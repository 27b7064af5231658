import { InfrastructureError, type Sandbox, SandboxLimitError } from "@headrace/domain";
import { expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { LABELS_OF_TEST, LIMITS, plainImage, printed, sh } from "./suites/sandbox-harness.ts";

const MIB = 2 ** 20;
/** Others may write to the engine's disk, or free some of it, while a test does. */
const SHARED = { retry: 2 };

/** A harness whose engine's disk has `spareMb` more free than its reserve, as things are now. */
const harnessWith = async (spareMb: number) => {
  await using scout = await dockerHarness();
  const image = await plainImage(scout);
  const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
  await using sandbox = await scout.sandboxes.open(spec);
  const free = Number(await printed(sandbox, "echo $(($(stat -f -c '%a * %S' /)))"));
  return { harness: await dockerHarness({ reserve: { bytes: free - spareMb * MIB } }), spec };
};

/** Writes until it is stopped, to files that no name leads to. */
const hide = (sandbox: Sandbox) =>
  sh(
    sandbox,
    'for i in 3 4 5 6; do eval "exec $i>big"; rm big; head -c 250M /dev/zero >&$i; done; sleep 60',
    90_000,
  );

it(
  "files that are deleted and held open end who holds them, and leave no trace on the disk",
  SHARED,
  async () => {
    const { harness, spec } = await harnessWith(500);
    await using _ = harness;
    const limits = { ...LIMITS, memoryMb: 1024, diskMb: 256 };
    await using quiet = await harness.sandboxes.open(spec);
    await using greedy = await harness.sandboxes.open({ ...spec, limits });
    await expect(hide(greedy)).rejects.toThrow(SandboxLimitError);
    expect(await printed(quiet, "echo works")).toBe("works");
    await using after = await harness.sandboxes.open(spec);
    expect(await printed(after, "echo works")).toBe("works");
  },
);

it(
  "a disk that others filled ends nobody's work for what it wrote, and says what to do",
  SHARED,
  async () => {
    const { harness, spec } = await harnessWith(500);
    await using _ = harness;
    await using sandbox = await harness.sandboxes.open(spec);
    const refused = hide(sandbox);
    await expect(refused).rejects.toThrow(InfrastructureError);
    await expect(refused).rejects.toThrow(/disk is nearly full .*docker system prune/);
  },
);

it("nothing is begun on a disk that is nearly full", async () => {
  const { harness, spec } = await harnessWith(-100_000);
  await using _ = harness;
  await expect(harness.sandboxes.open(spec)).rejects.toThrow(/nearly full .*docker system prune/);
});

it("the first sandbox as well gets no more than the disk has", async () => {
  await using harness = await dockerHarness();
  const asked = { ...LIMITS, diskMb: 2 ** 40 };
  const { limits } = await harness.sandboxes.affordable({ limits: asked });
  const spec = { limits: asked, env: {}, labels: LABELS_OF_TEST };
  await using sandbox = await harness.sandboxes.open({ ...spec, image: await plainImage(harness) });
  const total = Number(await printed(sandbox, "echo $(($(stat -f -c '%b * %S' /)))"));
  expect(limits.diskMb * MIB).toBeLessThan(total);
});
