import type { GateSpec } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitFiles, gitBytes, type TempDir, tempRepo } from "../../support/git.ts";
import { sandboxGateFiles } from "./sandbox-gate-files.ts";
import {
  INTERFACES,
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  plainImage,
  type SandboxHarness,
} from "./sandbox-harness.ts";

export const sandboxGateSuite = (make: MakeHarness) =>
  describe("gates", () => {
    let harness: SandboxHarness;
    let repo: TempDir;
    let image: string;
    let tar: Uint8Array;
    beforeAll(async () => {
      harness = await make();
      image = await plainImage(harness);
      repo = await tempRepo();
      await commitFiles(repo.path, {
        "src/check.sh": { run: "#!/bin/sh\ngrep -q good state\n" },
        state: "good\n",
      });
      tar = gitBytes(repo.path, ["archive", "--format=tar", "HEAD"]);
    });
    afterAll(async () => {
      await repo[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
    });
    const gate = (
      command: string,
      options: { timeoutMs?: number; memoryMb?: number; signal?: AbortSignal } & Partial<
        Pick<GateSpec, "beside" | "collect">
      > = {},
    ) =>
      harness.sandboxes.runGate(
        {
          image,
          command,
          tar,
          env: {},
          limits: { ...LIMITS, memoryMb: options.memoryMb ?? LIMITS.memoryMb },
          labels: LABELS_OF_TEST,
          timeoutMs: options.timeoutMs ?? 20_000,
          maxOutputBytes: 10_000,
          ...(options.beside && { beside: options.beside }),
          ...(options.collect && { collect: options.collect }),
        },
        options.signal,
      );

    it("run on the tree, offline, and may write beside it", async () => {
      const result = await gate(`src/check.sh && echo more > out.txt && ls && ${INTERFACES}`);
      expect(result).toMatchObject({ exitCode: 0, output: "out.txt\nsrc\nstate\nlo\n" });
    });

    it.each([
      ["true", 0],
      ["exit 1", 1],
      ["no-such-command", 127],
      ["kill -9 $$", 137],
    ])("`%s` ends with the engine's exit code %i", async (command, exitCode) => {
      expect(await gate(command)).toMatchObject({ exitCode, timedOut: false, oomKilled: false });
    });

    it("that were killed for want of memory are told apart, even where the command hides it", async () => {
      const hides = `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'; sleep 1; exit 0`;
      const { exitCode, oomKilled } = await gate(hides, { memoryMb: 128 });
      // engines lose the word of it now and then; then the exit code tells
      expect(oomKilled || exitCode === 137, `exit ${exitCode}`).toBe(true);
    });

    it("are killed whole at the timeout, whatever they ignore", async () => {
      const result = await gate("trap '' TERM; setsid sleep 321 & sleep 322", { timeoutMs: 1000 });
      expect(result).toMatchObject({ exitCode: null, timedOut: true, oomKilled: false });
      expect(result.durationMs).toBeLessThan(10_000);
    });

    it("have their output bounded and counted", async () => {
      const result = await gate(
        "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last >&2",
      );
      expect(result).toMatchObject({ exitCode: 0, truncated: true, outputBytes: 3_000_012 });
      expect(result.output.slice(0, 7)).toBe("first\nx");
      expect(result.output.slice(-7)).toBe("x\nlast\n");
    });

    it("print no frame that could pass for a verdict", async () => {
      const forged = `printf '\\0\\0\\0\\2\\0\\0\\0\\0{}'; exit 3`;
      expect(await gate(forged)).toMatchObject({ exitCode: 3 });
    });

    sandboxGateFiles(gate);

    it("can be given up", async () => {
      const given = new AbortController();
      setTimeout(() => given.abort(new Error("run cancelled")), 700);
      await expect(gate("sleep 60", { signal: given.signal })).rejects.toThrow("run cancelled");
    });
  });
