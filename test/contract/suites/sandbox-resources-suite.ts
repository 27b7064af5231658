import { randomUUID } from "node:crypto";
import { InfrastructureError, SandboxLimitError, SetupFailedError } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  openPlain,
  PLAIN,
  plainImage,
  printed,
  type SandboxHarness,
  sh,
} from "./sandbox-harness.ts";

const SMALL = { ...LIMITS, diskMb: 64, inodes: 5000 };
/** Without end, so that only a watcher can end them. */
const FILL = "i=0; while :; do i=$((i+1)); head -c 50000000 /dev/zero > $i; done";
const LITTER = `node -e 'for (let i = 0; ; i++) require("fs").writeFileSync("f" + i, "")'`;

export const sandboxResourcesSuite = (make: MakeHarness) =>
  describe("resources", () => {
    let harness: SandboxHarness;
    let image: string;
    beforeAll(async () => {
      harness = await make();
      image = await plainImage(harness);
    });
    afterAll(() => harness[Symbol.asyncDispose]());
    const gate = (command: string, maxOutputBytes = 10_000) =>
      harness.sandboxes.runGate({
        image,
        command,
        tar: new Uint8Array(1024),
        env: {},
        limits: SMALL,
        labels: LABELS_OF_TEST,
        timeoutMs: 60_000,
        maxOutputBytes,
      });

    it("nobody gets more than there is for sandboxes, and how much that is can be asked", async () => {
      const { cpus, memoryBytes } = await harness.sandboxes.describe();
      expect(await harness.sandboxes.affordable({ limits: SMALL })).toMatchObject({
        limits: SMALL,
      });
      const asked = { ...LIMITS, memoryMb: 1_048_576, cpus: cpus + 1 };
      const { limits } = await harness.sandboxes.affordable({ limits: asked });
      expect(limits).toMatchObject({ cpus, diskMb: asked.diskMb });
      expect(limits.memoryMb).toBeLessThan(memoryBytes / 2 ** 20);
      await using sandbox = await openPlain(harness, { limits: asked });
      const tmpMb = await printed(sandbox, "df -m --output=size /tmp | tail -n 1");
      expect(Number(tmpMb)).toBe(Math.floor(limits.memoryMb / 2));
    });

    it.each([
      ["disk", FILL, /more than 64 MB of disk/],
      ["inodes", LITTER, /more than 5000 files/],
    ])(
      "an agent that uses up its %s loses its sandbox, and is told why then and later",
      async (limit, command, message) => {
        await using sandbox = await openPlain(harness, { limits: SMALL });
        const running = sh(sandbox, command, 60_000);
        await expect(running).rejects.toThrow(SandboxLimitError);
        await expect(running).rejects.toThrow(message);
        await expect(running).rejects.toMatchObject({ limit });
        await expect(sandbox.read("1", 10)).rejects.toThrow(SandboxLimitError);
        await expect(sandbox.snapshot("0".repeat(40))).rejects.toThrow(SandboxLimitError);
      },
    );

    it("what a background process writes between commands counts as well", async () => {
      await using sandbox = await openPlain(harness, { limits: SMALL });
      await sh(sandbox, `(sleep 1; ${FILL}) >/dev/null 2>&1 &`);
      const rejected = () => expect(sh(sandbox, "true")).rejects.toThrow(SandboxLimitError);
      await vi.waitFor(rejected, { timeout: 20_000, interval: 500 });
    });

    it.each([
      ["disk", FILL],
      ["inodes", LITTER],
      ["disk", "head -c 100000000 /dev/zero > big; exit 0"],
    ])(
      "a gate that uses up its %s has no exit code, whatever it says: %s",
      async (exceeded, command) => {
        expect(await gate(command)).toMatchObject({ exceeded, exitCode: null, timedOut: false });
      },
    );

    it("set-up that uses up its disk has failed, with the limit in its log", async () => {
      const setup = [`echo ${randomUUID()}; ${FILL}`];
      const failed = await harness.sandboxes
        .environment({ ...PLAIN, limits: SMALL, setup }, {})
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(failed).toBeInstanceOf(SetupFailedError);
      expect((failed as SetupFailedError).log).toMatch(/more than 64 MB of disk/);
    });

    it("what fits into the limits is let be", async () => {
      const within = "head -c 40000000 /dev/zero > big; seq 2000 | xargs touch; sleep 1";
      expect(await gate(within)).toMatchObject({ exitCode: 0 });
      await using sandbox = await openPlain(harness, { limits: SMALL });
      expect(await sh(sandbox, within)).toMatchObject({ exitCode: 0 });
      expect(await printed(sandbox, "ls | wc -l")).toBe("2001");
    });

    it.each(["/tmp", "/dev/shm"])("%s ends before the memory does", async (folder) => {
      await using sandbox = await openPlain(harness);
      const fill = `head -c 1000000000 /dev/zero > ${folder}/big`;
      try {
        const result = await sh(sandbox, fill);
        expect(result.exitCode).not.toBe(0);
        expect(Number(await printed(sandbox, `stat -c %s ${folder}/big`))).toBeLessThan(512e6);
      } catch (error) {
        expect(error).toBeInstanceOf(InfrastructureError);
      }
    });

    it("files and processes of one command that ran out of them leave enough for the next", async () => {
      await using sandbox = await openPlain(harness);
      const open = `node -e 'const fs = require("fs"); for (let i = 0; i < 1e6; i++) fs.openSync("/dev/null")'`;
      expect((await sh(sandbox, open)).output).toMatch(/EMFILE/);
      const spin = "for i in $(seq 50); do (while :; do :; done) & done; wait";
      expect(await sh(sandbox, spin, 1500)).toMatchObject({ timedOut: true });
      expect(await printed(sandbox, "echo still here")).toBe("still here");
    });

    it("a line without end and many small outputs are counted whole and kept in bounds", async () => {
      const before = process.memoryUsage().rss;
      const line = "head -c 300000000 /dev/zero | tr '\\0' x";
      const flood = await gate(line, 1000);
      expect(flood).toMatchObject({ exitCode: 0, outputBytes: 300_000_000, truncated: true });
      expect(flood.output.length).toBeLessThan(1100);
      const small = `node -e 'for (let i = 0; i < 10_000; i++) require("fs").writeSync(1, "x")'`;
      expect(await gate(small, 1000)).toMatchObject({ exitCode: 0, outputBytes: 10_000 });
      await using sandbox = await openPlain(harness);
      expect(await sh(sandbox, line)).toMatchObject({ exitCode: 0, outputBytes: 300_000_000 });
      expect(await sh(sandbox, small)).toMatchObject({ exitCode: 0, outputBytes: 10_000 });
      expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    });
  });
