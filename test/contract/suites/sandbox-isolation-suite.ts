import type { Sandbox } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  INTERFACES,
  type MakeHarness,
  openPlain,
  printed,
  type SandboxHarness,
  sh,
} from "./sandbox-harness.ts";

export const sandboxIsolationSuite = (make: MakeHarness) =>
  describe("isolation", () => {
    let harness: SandboxHarness;
    let sandbox: Sandbox;
    beforeAll(async () => {
      harness = await make();
      sandbox = await openPlain(harness, { env: { GREETING: "hello" } });
    });
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
    });

    it.each(["1.1.1.1", "169.254.169.254", "172.17.0.1"])("has no route to %s", async (host) => {
      const script = `require("net").connect(80, "${host}").on("connect", () => console.log("reached")).on("error", (e) => console.log(e.code))`;
      expect(await printed(sandbox, `node -e '${script}'`)).toBe("ENETUNREACH");
    });

    it("resolves no name", async () => {
      const { exitCode } = await sh(sandbox, "getent hosts registry.npmjs.org");
      expect(exitCode).not.toBe(0);
    });

    it("sees no network interface but loopback, on which a server can be tested", async () => {
      expect(await printed(sandbox, INTERFACES)).toBe("lo");
      const serve = `node -e 'require("http").createServer((_, r) => r.end("served")).listen(8123)' & server=$!`;
      const ask = `node -e 'setTimeout(async () => console.log(await (await fetch("http://localhost:8123")).text()), 300)'`;
      expect(await printed(sandbox, `${serve}; ${ask}; kill $server`)).toBe("served");
    });

    it("holds no capability and can gain none", async () => {
      const status = await printed(
        sandbox,
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
      );
      expect(status.replaceAll("\t", " ").split("\n")).toEqual([
        "CapInh: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "CapAmb: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
      ]);
    });

    it("cannot mount, unshare namespaces or make devices", async () => {
      for (const command of [
        "mount -t tmpfs none /mnt",
        "unshare --user --map-root-user true",
        "mknod /tmp/disk b 8 0",
      ]) {
        expect((await sh(sandbox, command)).exitCode, command).not.toBe(0);
      }
    });

    it("runs as the unprivileged user in the workspace it owns", async () => {
      const facts = "id -u; id -g; pwd; stat -c %u /workspace; test -w / || echo root-not-writable";
      expect((await printed(sandbox, facts)).split("\n")).toEqual([
        "10001",
        "10001",
        "/workspace",
        "10001",
        "root-not-writable",
      ]);
    });

    it("gives commands the listed environment and nothing of the host's", async () => {
      const names = (await printed(sandbox, "env | cut -d= -f1")).split("\n").sort();
      const allowed = ["GREETING", "HOME", "HOSTNAME", "LANG", "PATH", "PWD", "SANDBOX_COMMAND"];
      expect(names).toEqual(allowed);
      expect(await printed(sandbox, "echo $GREETING $HOME")).toBe("hello /home/agent");
    });

    it("has no engine socket and no mount but those declared", async () => {
      expect(await printed(sandbox, "find / -name '*.sock' 2>/dev/null | head")).toBe("");
      const mounts = await printed(
        sandbox,
        "awk '$3 !~ /^(overlay|proc|tmpfs|devpts|sysfs|cgroup2?|mqueue)$/ {print $2}' /proc/mounts | sort",
      );
      const declared = new Set(harness.mounts);
      expect(mounts.split("\n").filter((path) => path !== "" && !declared.has(path))).toEqual([]);
    });

    it("may run programs from /tmp, as builds and tests do", async () => {
      const make = "printf '#!/bin/sh\\necho ran' > /tmp/x && chmod +x /tmp/x && /tmp/x";
      expect(await printed(sandbox, make)).toBe("ran");
    });
  });
