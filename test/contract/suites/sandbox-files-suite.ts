import { randomBytes } from "node:crypto";
import type { Sandbox } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bytes,
  type MakeHarness,
  openPlain,
  printed,
  type SandboxHarness,
  sh,
  text,
} from "./sandbox-harness.ts";

export const sandboxFilesSuite = (make: MakeHarness) =>
  describe("files", () => {
    let harness: SandboxHarness;
    let sandbox: Sandbox;
    beforeAll(async () => {
      harness = await make();
      sandbox = await openPlain(harness);
    });
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
    });

    it("are written with their folders and read back, relative to the workspace", async () => {
      await sandbox.write("src/deep/a.txt", bytes("content\n"));
      expect(text(await sandbox.read("src/deep/a.txt", 100))).toBe("content\n");
      expect(text(await sandbox.read("/workspace/src/deep/a.txt", 100))).toBe("content\n");
      expect(await printed(sandbox, "stat -c '%u %a' src/deep/a.txt")).toBe("10001 644");
    });

    it("keep every byte of 5 MB", async () => {
      const content = new Uint8Array(randomBytes(5_000_000));
      await sandbox.write("random.bin", content);
      const found = await sandbox.read("random.bin", 5_000_000);
      expect(found?.size).toBe(5_000_000);
      expect(Buffer.compare(found?.bytes ?? Buffer.of(), content)).toBe(0);
    });

    it("are read up to the bound, and the whole size is told", async () => {
      await sandbox.write("long.txt", bytes("0123456789"));
      const found = await sandbox.read("long.txt", 4);
      expect([text(found), found?.size]).toEqual(["0123", 10]);
    });

    it("are replaced whole, keeping their mode", async () => {
      await printed(sandbox, "printf 'a longer text' > tool.sh && chmod 755 tool.sh");
      await sandbox.write("tool.sh", bytes("short"));
      expect(text(await sandbox.read("tool.sh", 100))).toBe("short");
      expect(await printed(sandbox, "stat -c %a tool.sh")).toBe("755");
    });

    it("may be empty", async () => {
      await sandbox.write("empty", new Uint8Array());
      expect(await sandbox.read("empty", 100)).toEqual({ bytes: new Uint8Array(), size: 0 });
    });

    it("are undefined where there is no regular file, at once", async () => {
      await printed(sandbox, "mkfifo pipe; mkdir -p folder; ln -sf loop loop; echo > plain");
      for (const path of ["missing", "pipe", "folder", "loop", "plain/below", "/dev/zero", ""]) {
        expect(await sandbox.read(path, 100), path).toBeUndefined();
      }
    });

    it("that cannot be written say why, at once", async () => {
      await printed(sandbox, "[ -p pipe2 ] || mkfifo pipe2; mkdir -p taken");
      await expect(sandbox.write("taken", bytes("x"))).rejects.toThrow(/EISDIR/);
      await expect(sandbox.write("pipe2", bytes("x"))).rejects.toThrow(/ENXIO/);
      await expect(sandbox.write("/etc/passwd", bytes("x"))).rejects.toThrow(/EACCES|EROFS/);
    });

    it("whose path is longer than can be asked for are refused, and take nothing along", async () => {
      const path = "x".repeat(2 ** 20);
      await expect(sandbox.read(path, 1)).rejects.toThrow(/frame header/);
      expect(await printed(sandbox, "echo alive")).toBe("alive");
    });

    it("of odd names are files like others", async () => {
      const name = "späte Datei\n -rf $(id).txt";
      await sandbox.write(name, bytes("odd"));
      expect(text(await sandbox.read(name, 100))).toBe("odd");
      expect((await sh(sandbox, "ls | grep -c 'rf'")).output).toBe("1\n");
    });
  });
