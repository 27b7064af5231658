import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EnvironmentSpec, SandboxLimits, UserError } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { which } from "../../packages/cli/src/machine/which.mjs";
import { LABELS_OF_TEST, printed } from "../contract/suites/sandbox-harness.ts";
import { engineAddress } from "../support/engine.ts";
import { tempDir } from "../support/git.ts";
import { prepareHello } from "../support/hello-run.ts";
import { leftOut } from "../support/needs.ts";
import { sandboxesOn, startOwnEngine } from "../support/own-engine.ts";
import { openShell } from "../support/shell.ts";

const missing = [
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...(which("dockerd") === undefined ? ["dockerd"] : []),
];
const FIRST = 300_000;
const COUNT = 65_536;

const isolation = { runtime: "default", userns: "required" } as const;
const SPEC: EnvironmentSpec = {
  ...{ image: undefined, setup: ["echo installed > made.txt"], files: [], env: {} },
  limits: SandboxLimits.parse({ memoryMb: 512, cpus: 1 }),
  isolation,
  timeoutMs: 60_000,
};

describe.skipIf(process.platform !== "linux" || leftOut(missing.length > 0))(
  `user namespaces (on Linux; needs ${missing.join(", ") || "nothing more"})`,
  () => {
    let engine: Awaited<ReturnType<typeof startRemapped>>;
    beforeAll(async () => {
      engine = await startRemapped();
    }, 60_000);
    afterAll(() => engine?.[Symbol.asyncDispose]());

    it("run set-up, agents and gates as users that the host does not have", async () => {
      const sandboxes = sandboxesOn(engine.address);
      await using closing = new AsyncDisposableStack();
      closing.defer(() => sandboxes.close());
      expect(await sandboxes.describe()).toMatchObject({ userns: true });
      const { image } = await sandboxes.environment(SPEC, {});
      const spec = { image, limits: SPEC.limits, isolation, env: {}, labels: LABELS_OF_TEST };
      const map = "tr -s ' ' < /proc/self/uid_map";
      const sandbox = closing.use(await sandboxes.open(spec));
      expect(await printed(sandbox, `cat made.txt; ${map}`)).toBe(
        `installed\n 0 ${FIRST} ${COUNT}`,
      );
      const gate = await sandboxes.runGate({
        ...spec,
        command: `${map}; cat made.txt; exit 3`,
        tar: new Uint8Array(1024),
        timeoutMs: 30_000,
        maxOutputBytes: 1000,
      });
      expect(gate).toMatchObject({ exitCode: 3, output: ` 0 ${FIRST} ${COUNT}\ninstalled\n` });
    });

    it("hold for a whole run whose person requires them", async () => {
      const { socketPath } = engine.address;
      await using shell = await openShell({ DOCKER_HOST: `unix://${socketPath}` });
      await shell.file("data/config.yaml", "isolation:\n  userns: required\n");
      const { args } = await prepareHello(shell, "hello");
      const { code, out, err } = await shell.headrace(...args, "--foreground");
      expect(code, out + err).toBe(0);
      expect(out).toContain("isolation: user namespaces are required\n");
      expect(out).toMatch(/ landed as [0-9a-f]{10} on headrace\//);
    });

    it("that a policy requires of an engine without them are a refusal, with what to set", async () => {
      const sandboxes = sandboxesOn(await engineAddress());
      await using closing = new AsyncDisposableStack();
      closing.defer(() => sandboxes.close());
      const { userns, rootless } = await sandboxes.describe();
      expect({ userns, rootless }).toEqual({ userns: false, rootless: false });
      const refused = sandboxes.environment(SPEC, {});
      await expect(refused).rejects.toThrow(UserError);
      await expect(refused).rejects.toThrow(/user namespaces[\s\S]*"userns-remap": "default"/);
    });
  },
);

/** An engine of the test's own whose containers have ids of a user that this host gives them to for it alone. */
const startRemapped = async () => {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await tempDir());
  const ids = join(folder, "ids");
  await writeFile(ids, `daemon:${FIRST}:${COUNT}\n`);
  const over = { "/etc/subuid": ids, "/etc/subgid": ids };
  const { address } = stack.use(
    await startOwnEngine(folder, ["--userns-remap=daemon:daemon"], over),
  );
  const kept = stack.move();
  return { address, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
