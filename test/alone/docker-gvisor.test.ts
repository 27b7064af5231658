import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SandboxLimits, UserError } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { which } from "../../packages/cli/src/machine/which.mjs";
import { LABELS_OF_TEST, printed } from "../contract/suites/sandbox-harness.ts";
import { tempDir } from "../support/git.ts";
import { leftOut } from "../support/needs.ts";
import { sandboxesOn, startOwnEngine } from "../support/own-engine.ts";

const isRoot = process.getuid?.() === 0;
const [runsc, dockerd] = [which("runsc"), which("dockerd")];
const missing = [
  ...(isRoot ? [] : ["root"]),
  ...(dockerd === undefined ? ["dockerd"] : []),
  ...(runsc === undefined ? ["runsc (Debian: apt-get install runsc)"] : []),
];

const LIMITS = SandboxLimits.parse({ memoryMb: 512, cpus: 1 });
const isolation = { runtime: "gvisor", userns: "any" } as const;

describe.skipIf(process.platform !== "linux" || leftOut(missing.length > 0))(
  `gVisor (on Linux; needs ${missing.join(", ") || "nothing more"})`,
  () => {
    let engine: Awaited<ReturnType<typeof startEngine>>;
    beforeAll(async () => {
      engine = await startEngine();
    }, 60_000);
    afterAll(() => engine?.[Symbol.asyncDispose]());

    /** Sandboxes of a factory that meets this engine for the first time, with runsc started with these flags. */
    const sandboxesWith = async (flags: string) => {
      await engine.setFlags(`--platform=ptrace --network=none ${flags}`);
      const sandboxes = sandboxesOn(engine.address);
      const environment = (setup: string[] = []) =>
        sandboxes.environment(
          {
            ...{ image: undefined, setup, files: [], env: {}, limits: LIMITS, isolation },
            timeoutMs: 60_000,
          },
          {},
        );
      return { sandboxes, environment, [Symbol.asyncDispose]: () => sandboxes.close() };
    };

    it("runs set-up, agents and gates on a kernel that is not the host's", async () => {
      await using factory = await sandboxesWith("");
      const { image } = await factory.environment(["echo installed > made.txt"]);
      const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST, isolation };
      await using sandbox = await factory.sandboxes.open(spec);
      expect(await printed(sandbox, "cat made.txt; uname -r")).toBe("installed\n4.4.0");
      const many = "for i in $(seq 100); do sleep 1 & done; wait; echo all";
      expect(await printed(sandbox, many)).toBe("all");
      const gate = await factory.sandboxes.runGate({
        ...spec,
        command: "uname -r; exit 3",
        tar: new Uint8Array(1024),
        timeoutMs: 30_000,
        maxOutputBytes: 1000,
      });
      expect(gate).toMatchObject({ exitCode: 3, output: "4.4.0\n" });
    });

    it.each([
      ["without limits of memory", "--ignore-cgroups", /without limits of memory/],
      ["that keeps files to itself", "--overlay", /could not be kept in an image/],
    ])("%s is refused with the flag to take out", async (_, flag, message) => {
      await using factory = await sandboxesWith(flag);
      const refused = factory.environment();
      await expect(refused).rejects.toThrow(UserError);
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toThrow(new RegExp(`take ${flag} `));
    });
  },
);

/** An engine of the test's own that has runsc. */
const startEngine = async () => {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await tempDir());
  const flags = join(folder, "flags");
  const wrapper = join(folder, "runsc");
  await writeFile(wrapper, `#!/bin/sh\nexec ${runsc} $(cat ${flags}) "$@"\n`);
  await chmod(wrapper, 0o755);
  const { address } = stack.use(
    await startOwnEngine(folder, ["--add-runtime", `runsc=${wrapper}`]),
  );
  const kept = stack.move();
  return {
    address,
    setFlags: (text: string) => writeFile(flags, text),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};
