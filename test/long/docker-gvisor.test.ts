import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SandboxLimits, UserError } from "@headrace/domain";
import { createDockerSandboxes } from "@headrace/sandbox";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { which } from "../../packages/cli/src/machine/which.mjs";
import { LABELS_OF_TEST, printed } from "../contract/suites/sandbox-harness.ts";
import { engineAddress } from "../support/engine.ts";
import { tempDir } from "../support/git.ts";
import { leftOut } from "../support/needs.ts";

const isRoot = process.getuid?.() === 0;
const [runsc, dockerd] = [which("runsc"), which("dockerd")];
const noProgram = leftOut(runsc === undefined || dockerd === undefined);
const missing = [
  ...(isRoot ? [] : ["root"]),
  ...(dockerd === undefined ? ["dockerd"] : []),
  ...(runsc === undefined ? ["runsc (Debian: apt-get install runsc)"] : []),
];

const LIMITS = SandboxLimits.parse({ memoryMb: 512, cpus: 1 });
const isolation = { runtime: "gvisor", userns: "any" } as const;

describe.skipIf(!isRoot || noProgram)(
  `gVisor (needs ${missing.join(", ") || "nothing more"})`,
  () => {
    let engine: Awaited<ReturnType<typeof startEngine>>;
    beforeAll(async () => {
      engine = await startEngine();
    }, 60_000);
    afterAll(() => engine?.[Symbol.asyncDispose]());

    /** Sandboxes of a factory that meets this engine for the first time, with runsc started with these flags. */
    const sandboxesWith = async (flags: string) => {
      await engine.setFlags(`--platform=ptrace --network=none ${flags}`);
      const sandboxes = createDockerSandboxes({
        engine: engine.address,
        baseImage: baseImageTag(),
        owner: `test-${randomUUID()}`,
        boot: "1",
        onWarning: () => {},
      });
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

/** An engine of the test's own that has runsc, with the base image of the one that is there. */
const startEngine = async () => {
  await using stack = new AsyncDisposableStack();
  const { path: root } = stack.use(await tempDir());
  const at = (name: string) => join(root, name);
  const setFlags = (flags: string) => writeFile(at("flags"), flags);
  const wrapper = at("runsc");
  await writeFile(wrapper, `#!/bin/sh\nexec ${runsc} $(cat ${at("flags")}) "$@"\n`);
  await chmod(wrapper, 0o755);
  const folders = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
  const network = ["--bridge=none", "--iptables=false", "--ip-masq=false"];
  const socketPath = at("engine.sock");
  const log = openSync(at("log"), "a");
  const listening = ["-H", `unix://${socketPath}`, "--add-runtime", `runsc=${wrapper}`];
  const daemon = spawn(
    "unshare",
    // `--bridge=none` removes the bridge of the engine that is there, unless it cannot see it
    ["--net", "dockerd", ...folders, ...network, ...listening],
    { stdio: ["ignore", log, log], detached: true },
  );
  stack.defer(() => end(daemon));
  const docker = new Docker({ socketPath });
  await vi.waitFor(() => docker.ping(), { timeout: 30_000, interval: 200 });
  const image = await new Docker(await engineAddress()).getImage(baseImageTag()).get();
  const loading = await docker.loadImage(image);
  loading.resume();
  await once(loading, "end");
  const kept = stack.move();
  return {
    address: { socketPath },
    setFlags,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};

const end = async (daemon: ChildProcess): Promise<void> => {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
};
