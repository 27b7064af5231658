import { InfrastructureError, type Sandbox } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type MakeHarness,
  openPlain,
  printed,
  type SandboxHarness,
  sh,
} from "./sandbox-harness.ts";

const LINGERERS = {
  "a child": "sleep 321",
  "a child in the background": "sleep 321 & wait",
  "a child under nohup": "nohup sleep 321 >/dev/null 2>&1 & sleep 322",
  "a grandchild in a session of its own": "setsid sh -c 'sleep 321; :' & sleep 322",
  "a child forked twice": "(setsid sh -c 'sleep 321 &' &) ; sleep 322",
  "one that wiped its environment": "(setsid env -i sleep 321 &) ; sleep 322",
  "one that ignores SIGTERM": "trap '' TERM INT HUP; sleep 321; sleep 322",
};

export const sandboxExecSuite = (make: MakeHarness) =>
  describe("commands", () => {
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
    const sleepers = () => printed(sandbox, "pgrep -c -r D,R,S,T '^sleep$' || true");

    it("report their exit code", async () => {
      expect((await sh(sandbox, "exit 7")).exitCode).toBe(7);
      expect((await sh(sandbox, "no-such-command")).exitCode).toBe(127);
    });

    it("have the environment that policy names, which reaches nothing of the factory's own", async () => {
      const env = {
        NODE_OPTIONS: "--require ./register.js",
        LD_PRELOAD: "/none.so",
        GIT_DIR: "/none",
        PATH: "/nowhere",
        HOME: "/tmp",
      };
      await using own = await openPlain(harness, { env });
      expect(await printed(own, 'echo "$NODE_OPTIONS $GIT_DIR $PATH $HOME" 2>/dev/null')).toContain(
        "--require ./register.js /none /nowhere /tmp",
      );
      await own.write("a.txt", new TextEncoder().encode("a"));
      expect(await own.read("a.txt", 10)).toMatchObject({ size: 1 });
    });

    it("that are too long to be started say so, and leave nothing open", async () => {
      const open = async () => Number(await printed(sandbox, "ls /proc/$PPID/fd | wc -l"));
      const before = await open();
      for (let n = 0; n < 5; n++)
        await expect(sh(sandbox, `: ${"x".repeat(2 ** 20)}`)).rejects.toThrow(/E2BIG/);
      // one pipe may still be on its way to be used again
      expect(await open()).toBeLessThan(before + 5);
    });

    it("report no exit code when a signal ended them", async () => {
      expect(await sh(sandbox, "kill -9 $$")).toMatchObject({ exitCode: null, timedOut: false });
    });

    it("keep stdout and stderr in the order they were written", async () => {
      const output = await printed(sandbox, "echo 1; echo 2 >&2; echo 3; echo 4 > /dev/stderr");
      expect(output.split("\n")).toEqual(["1", "2", "3", "4"]);
    });

    it("read nothing from stdin", async () => {
      expect(await printed(sandbox, "cat; echo end")).toBe("end");
    });

    it("run side by side", async () => {
      const slow = sh(sandbox, "sleep 1; echo slow");
      const quick = await sh(sandbox, "echo quick");
      expect(quick.output).toBe("quick\n");
      expect((await slow).output).toBe("slow\n");
    });

    it("may leave a server behind, which outlives the command and its output", async () => {
      const started = await sh(sandbox, "(while :; do echo noise; sleep 0.1; done) & echo started");
      expect(started).toMatchObject({ exitCode: 0, timedOut: false });
      expect(
        await printed(sandbox, "sleep 0.5; pgrep -fc 'echo noise' >/dev/null && echo alive"),
      ).toBe("alive");
      await sh(sandbox, "pkill -9 -f 'echo noise'");
    });

    it.each(Object.entries(LINGERERS))("end at the timeout with %s", async (_, command) => {
      const result = await sh(sandbox, command, 1000);
      expect(result).toMatchObject({ exitCode: null, timedOut: true });
      expect(result.durationMs).toBeLessThan(5000);
      expect(await sleepers()).toBe("0");
    });

    it("end when they are cancelled, with everything they started", async () => {
      const cancel = new AbortController();
      const running = sandbox.exec("sleep 321 & sleep 322", {
        timeoutMs: 60_000,
        maxOutputBytes: 1000,
        signal: cancel.signal,
      });
      setTimeout(() => cancel.abort(new Error("no longer wanted")), 300);
      await expect(running).rejects.toThrow("no longer wanted");
      expect(await sleepers()).toBe("0");
    });

    it("have their output bounded to its head and tail, and counted whole", async () => {
      const flood = "echo first; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last";
      const result = await sandbox.exec(flood, { timeoutMs: 30_000, maxOutputBytes: 1000 });
      expect(result).toMatchObject({ exitCode: 0, truncated: true, outputBytes: 30_000_012 });
      expect(result.output).toMatch(
        /^first\nx+\n\[\.\.\. \d+ bytes left out \.\.\.\]\nx+\nlast\n$/,
      );
      expect(result.output.length).toBeLessThan(1100);
    });

    it("keep output up to the bound as it is", async () => {
      const result = await sandbox.exec("printf 'äöü€'", { timeoutMs: 5000, maxOutputBytes: 9 });
      expect(result).toMatchObject({ output: "äöü€", outputBytes: 9, truncated: false });
    });

    it("are killed for want of memory, and say so, without taking the sandbox along", async () => {
      const greedy = `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'`;
      const result = await sh(sandbox, greedy);
      expect(result.oomKilled).toBe(true);
      expect(result.exitCode).not.toBe(0);
      expect(await sh(sandbox, "echo still here")).toMatchObject({
        oomKilled: false,
        output: "still here\n",
      });
    });

    it("fill the disk's files only up to the limit of one", async () => {
      const result = await sh(sandbox, "head -c 1200000000 /dev/zero > big; echo $?; rm -f big");
      expect(result.output).not.toMatch(/^0$/m);
    });
  });

export const sandboxForkBombSuite = (make: MakeHarness) =>
  describe("a fork bomb", () => {
    it.each([
      // `exec`: once the bomb has taken every process, nothing more could be started
      ["of a shell", `bash -c ':(){ :|:& };:' & exec sleep 60`],
      [
        "that leaves its session",
        `bash -c 'f(){ setsid bash -c "$(declare -f f); f" & f & }; f'; sleep 60`,
      ],
    ])("%s is ended; the sandbox works on or is reported lost", async (_, bomb) => {
      await using harness = await make();
      await using sandbox = await openPlain(harness);
      try {
        expect((await sh(sandbox, bomb, 2000)).timedOut).toBe(true);
        expect(await printed(sandbox, "ps -e --no-headers | wc -l")).toMatch(/^[2-9]$/);
      } catch (error) {
        expect(error).toBeInstanceOf(InfrastructureError);
      }
    });
  });
