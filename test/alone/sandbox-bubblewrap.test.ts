import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type EnvironmentSpec, SandboxLimitError, UserError } from "@headrace/domain";
import { createBubblewrapSandboxes, probeBubblewrap } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  LABELS_OF_TEST,
  LIMITS,
  openPlain,
  PLAIN,
  plainImage,
  printed,
} from "../contract/suites/sandbox-harness.ts";
import { sandboxSuite } from "../contract/suites/sandbox-suite.ts";
import {
  bubblewrapHarness,
  bubblewrapMissing,
  processesOf,
  READ_ONLY,
} from "../support/bubblewrap.ts";
import { leftOut } from "../support/needs.ts";

const missing = await bubblewrapMissing();
const isLinux = process.platform === "linux";

describe.skipIf(!isLinux || leftOut(missing !== undefined))(
  `on this host${missing ? `: ${missing}` : ""}`,
  () => {
    sandboxSuite("bubblewrap", bubblewrapHarness);
    ownPromises();
  },
);

function ownPromises() {
  let harness: Awaited<ReturnType<typeof bubblewrapHarness>>;
  beforeAll(async () => {
    harness = await bubblewrapHarness();
  });
  afterAll(() => harness[Symbol.asyncDispose]());
  const environment = (spec: Partial<EnvironmentSpec>, sandboxes = harness.sandboxes) =>
    sandboxes.environment({ ...PLAIN, ...spec }, {});

  describe("a sandbox of bubblewrap", () => {
    it("gets no more memory than this host has for sandboxes in all", async () => {
      await using sandbox = await openPlain(harness, { limits: { ...LIMITS, memoryMb: 262_144 } });
      const kib = "df --output=size -k /tmp | tail -1";
      expect(Number(await printed(sandbox, kib)) * 1024).toBeLessThanOrEqual(totalmem() * 0.4);
    });

    it("has of the host only programs and what they read, which nothing can write", async () => {
      await using sandbox = await openPlain(harness);
      const options = await printed(sandbox, "awk '{print $2, $4}' /proc/mounts");
      const readOnly = new Set(READ_ONLY);
      const shown = options.split("\n").filter((line) => readOnly.has(line.split(" ")[0] ?? ""));
      expect(shown.length).toBeGreaterThan(3);
      for (const line of shown) expect(line).toMatch(/ ro,/);
      const roots =
        "bin dev etc home lib lib32 lib64 libx32 opt proc sbin tmp usr var run workspace";
      for (const name of (await printed(sandbox, "ls /")).split("\n")) {
        expect(roots.split(" ")).toContain(name);
      }
      expect(await printed(sandbox, "ls -A /run; ls /var /opt")).toBe(
        "/opt:\nheadrace\n\n/var:\ntmp",
      );
      expect(await printed(sandbox, "ls /home; cut -d: -f1 /etc/passwd | tr '\\n' ' '")).toBe(
        "agent\nroot agent",
      );
    });

    it("finds nothing of the factory's or its person's in its first process", async () => {
      await using sandbox = await openPlain(harness);
      const first =
        "tr '\\0' '\\n' < /proc/1/environ | cut -d= -f1; tr '\\0' ' ' < /proc/1/cmdline";
      expect(await printed(sandbox, first)).toMatch(
        /^((PATH|PWD|SHLVL|_|OLDPWD)\n)+bwrap --args 3 -- /,
      );
    });

    it("inherits no descriptor that was left open to the factory", async () => {
      const child = startFactory(
        harness,
        await plainImage(harness),
        `const { output } = await sandbox.exec("echo /proc/self/fd/*", { timeoutMs: 9000, maxOutputBytes: 100 });
        console.log(output.trim());
        await sandboxes.close();`,
        ["pipe", "ignore", "ignore", "pipe", "ignore", "ignore", "ignore", "ignore", "pipe"],
      );
      const [printedFds] = await once(child.stdout, "data");
      expect(String(printedFds)).toBe(
        "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n",
      );
      await once(child, "exit");
    });

    it("leaves neither folder, group nor process behind, whatever it did to its folders", async () => {
      const sandbox = await openPlain(harness);
      const { id } = sandbox;
      const deep = `node -e 'for (let i = 0; i < 3000; i++) { fs.mkdirSync("deep"); process.chdir("deep"); }'`;
      await printed(sandbox, `${deep}; mkdir -p shut/in; touch shut/in/x; chmod 000 shut/in shut`);
      await printed(sandbox, "ln -s /etc/passwd link; ln -s / root; (setsid sleep 321 &)");
      expect(await readdir(join(harness.folder, "rooms"))).toContain(id);
      await sandbox[Symbol.asyncDispose]();
      expect(await readdir(join(harness.folder, "rooms"))).not.toContain(id);
      expect(await processesOf(id)).toEqual([]);
    });

    it("is ended for what it holds open of deleted files as well", async () => {
      await using sandbox = await openPlain(harness, { limits: { ...LIMITS, diskMb: 64 } });
      const hide = "exec 7> hidden; rm hidden; head -c 200000000 /dev/zero >&7; sleep 60";
      const hidden = sandbox.exec(hide, { timeoutMs: 60_000, maxOutputBytes: 100 });
      await expect(hidden).rejects.toThrow(SandboxLimitError);
    });

    it("is refused images, services and gVisor, each with what to do", async () => {
      const refused = async (asked: Promise<unknown>, message: RegExp) => {
        await expect(asked).rejects.toBeInstanceOf(UserError);
        await expect(asked).rejects.toThrow(message);
      };
      await refused(environment({ image: "node:24" }), /have no images: node:24[\s\S]*remove/);
      const isolation = { runtime: "gvisor", userns: "any" } as const;
      await refused(environment({ isolation }), /cannot run under gVisor/);
      const services = [{ name: "db", image: "postgres", env: {}, memoryMb: 64 }];
      const image = await plainImage(harness);
      const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST, services };
      await refused(harness.sandboxes.open(spec), /have no services: db/);
    });
  });

  describe("the probe", () => {
    it("says how these sandboxes differ from containers, and leaves none behind", async () => {
      const { folder, owner } = harness;
      const probe = await probeBubblewrap({ folder, owner });
      expect(probe).toMatchObject({ ok: true, version: expect.stringMatching(/^\d/) });
      expect(probe.ok && probe.differences.join()).toMatch(/no images.*no services/);
      expect(await readdir(join(folder, "rooms"))).toEqual([]);
    });

    it.runIf(process.getuid?.() === 0)(
      "refuses root a folder that its sandboxes cannot reach, with what to do",
      async () => {
        const shut = join(harness.folder, "shut");
        await mkdir(shut, { mode: 0o700 });
        const probe = await probeBubblewrap({ folder: join(shut, "sandboxes"), owner: "o" });
        expect(probe).toMatchObject({
          ok: false,
          reason: expect.stringContaining("cannot reach"),
          remedy: expect.stringContaining("chmod o+x"),
        });
      },
    );
  });

  describe("a gate's tree", () => {
    it("is extracted inside: links in it lead to nothing of the host", async () => {
      const target = join(harness.folder, "target.txt");
      await writeFile(target, "untouched");
      const { pack } = await import("tar-stream");
      const tar = pack();
      tar.entry({ name: "out", type: "symlink", linkname: harness.folder });
      tar.entry({ name: "out/target.txt" }, "changed");
      tar.entry({ name: "file", type: "symlink", linkname: target });
      tar.entry({ name: "../../../../../../../../tmp/escaped-of-bubblewrap" }, "x");
      tar.finalize();
      const chunks: Buffer[] = [];
      for await (const chunk of tar) chunks.push(chunk as Buffer);
      const gate = harness.sandboxes.runGate({
        image: await plainImage(harness),
        command: "true",
        tar: Buffer.concat(chunks),
        env: {},
        limits: LIMITS,
        labels: LABELS_OF_TEST,
        timeoutMs: 10_000,
        maxOutputBytes: 1000,
      });
      await gate.catch(() => {});
      expect(await readFile(target, "utf8")).toBe("untouched");
      expect(await readdir("/tmp")).not.toContain("escaped-of-bubblewrap");
    });
  });

  describe("an environment's folder", () => {
    it("is copied for each sandbox: what one changes the next does not see", async () => {
      const { image } = await environment({
        setup: [`echo ${randomUUID()} > made.txt; touch ~/h`],
      });
      await using one = await openPlain(harness, { image });
      const before = await printed(one, "cat made.txt; echo spoilt > made.txt; rm ~/h");
      await using two = await openPlain(harness, { image });
      expect(await printed(two, "cat made.txt; ls ~")).toBe(`${before}\nh`);
    });

    it("is removed when it was not used for long, and then its name opens nothing", async () => {
      const sandboxes = createBubblewrapSandboxes({
        folder: harness.folder,
        owner: harness.owner,
        boot: "evicting",
        keep: { days: 0, bytes: 0 },
        onWarning: () => {},
      });
      const { image } = await environment({ setup: [`echo ${randomUUID()} > x`] }, sandboxes);
      expect(await sandboxes.evict()).toBe(0);
      vi.useFakeTimers({ now: Date.now() + 86_400_000, toFake: ["Date"] });
      try {
        expect(await sandboxes.evict()).toBeGreaterThan(0);
      } finally {
        vi.useRealTimers();
      }
      await expect(openPlain({ ...harness, sandboxes }, { image })).rejects.toThrow(
        /not on this host/,
      );
      await sandboxes.close();
    });
  });

  describe("a factory that is killed", () => {
    it("leaves no sandbox running, and what is left of it to the next boot", async () => {
      const child = startFactory(
        harness,
        await plainImage(harness),
        `sandbox.exec("setsid sleep 321 & sleep 321", { timeoutMs: 600_000, maxOutputBytes: 100 });
        console.log(sandbox.id);`,
      );
      const [printedId] = await once(child.stdout, "data");
      const id = String(printedId).trim();
      expect((await processesOf(id)).length).toBeGreaterThan(2);
      child.kill("SIGKILL");
      await vi.waitFor(async () => expect(await processesOf(id)).toEqual([]), { timeout: 10_000 });
      expect(await harness.reboot().reap()).toBe(1);
      expect(await readdir(join(harness.folder, "rooms"))).not.toContain(id);
    });
  });
}

/** Another process of the harness's installation, which opens a sandbox and goes on as `script` says. */
const startFactory = (
  { folder, owner }: { folder: string; owner: string },
  image: string,
  script: string,
  inherited: ("pipe" | "ignore")[] = [],
): ChildProcess & { stdout: Readable } => {
  const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
  const program = `
    import { createBubblewrapSandboxes } from "@headrace/sandbox";
    const options = ${JSON.stringify({ folder, owner, boot: randomUUID() })};
    const sandboxes = createBubblewrapSandboxes({ ...options, onWarning() {} });
    const sandbox = await sandboxes.open(${JSON.stringify(spec)});
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit", ...inherited],
  });
  const { stdout } = child;
  if (stdout === null) throw new Error("its stdout is a pipe");
  return Object.assign(child, { stdout });
};
