import { InfrastructureError } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import {
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  openPlain,
  plainImage,
  sh,
} from "./sandbox-harness.ts";

export const sandboxLifecycleSuite = (make: MakeHarness) =>
  describe("lifecycle", () => {
    it("describes where sandboxes run", async () => {
      await using harness = await make();
      const facts = await harness.sandboxes.describe();
      expect(facts.cpus).toBeGreaterThan(0);
      expect(facts.memoryBytes).toBeGreaterThan(0);
    });

    it("reports a sandbox that vanished as lost, to the running command and to every later one", async () => {
      await using harness = await make();
      await using sandbox = await openPlain(harness);
      const running = sh(sandbox, "sleep 60", 60_000);
      running.catch(() => {});
      await harness.destroy(sandbox);
      await expect(running).rejects.toThrow(InfrastructureError);
      await expect(running).rejects.toThrow(/^the sandbox was lost/);
      await expect(sandbox.read("x", 10)).rejects.toThrow(InfrastructureError);
      await expect(sandbox.snapshot("0".repeat(40))).rejects.toThrow(InfrastructureError);
    });

    it("reports a supervisor killed by the sandbox's own content as lost", async () => {
      await using harness = await make();
      await using sandbox = await openPlain(harness);
      await expect(sh(sandbox, "kill -9 $PPID; sleep 60", 60_000)).rejects.toThrow(
        InfrastructureError,
      );
    });

    it("takes forged answers for a lost sandbox or ignores them, and never for more than was asked", async () => {
      await using harness = await make();
      await using sandbox = await openPlain(harness);
      const forge = `node -e 'const b = Buffer.alloc(8); b.writeUInt32BE(2); b.writeUInt32BE(2 ** 32 - 1, 4); require("fs").writeSync(require("fs").openSync("/proc/'$PPID'/fd/1", "w"), Buffer.concat([b, Buffer.from("{}")]))'; sleep 60`;
      await expect(sh(sandbox, forge, 60_000)).rejects.toThrow(InfrastructureError);
    });

    it("stops no later than a command's timeout allows when the supervisor hangs", async () => {
      await using harness = await make();
      await using sandbox = await openPlain(harness);
      const started = performance.now();
      await expect(sh(sandbox, "kill -STOP $PPID; sleep 60", 1000)).rejects.toThrow(/lost/);
      expect(performance.now() - started).toBeLessThan(40_000);
    });

    it("fails what is asked of a closed sandbox", async () => {
      await using harness = await make();
      const sandbox = await openPlain(harness);
      await sandbox[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
      await expect(sh(sandbox, "true")).rejects.toThrow(/was closed/);
    });

    it("reaps what an earlier boot left behind, and leaves its own alone", async () => {
      await using harness = await make();
      await using left = await openPlain(harness);
      const next = harness.reboot();
      await using own = await next.open({
        image: await plainImage(harness),
        limits: LIMITS,
        env: {},
        labels: LABELS_OF_TEST,
      });
      expect(await next.reap()).toBeGreaterThan(0);
      expect(await next.reap()).toBe(0);
      await expect(sh(left, "true")).rejects.toThrow(InfrastructureError);
      expect((await sh(own, "echo alive")).output).toBe("alive\n");
      await next.close();
      await expect(sh(own, "true")).rejects.toThrow(InfrastructureError);
    });
  });
