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

/** Numbers of system calls on x86-64 and on arm64. */
const NUMBERS = {
  add_key: [248, 217],
  keyctl: [250, 219],
  request_key: [249, 218],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  kexec_load: [246, 104],
  init_module: [175, 105],
  mount: [165, 40],
  pivot_root: [155, 41],
  open_tree: [428, 428],
  unshare: [272, 97],
  setns: [308, 268],
  chroot: [161, 51],
  name_to_handle_at: [303, 264],
  pidfd_getfd: [438, 438],
  clone3: [435, 435],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  /** none has this number yet */
  unheard_of: [999, 999],
} as const;
const MISSING = new Set(["clone3", "io_uring_setup", "io_uring_enter", "unheard_of"]);

/** Makes each call with the flag of a new user namespace, which is none where it is not understood. */
const SYSTEM_CALLS = `
import ctypes, errno, json, platform
libc = ctypes.CDLL(None, use_errno=True)
at = 0 if platform.machine() == "x86_64" else 1
for name, numbers in json.loads("""${JSON.stringify(NUMBERS)}""").items():
    answer = libc.syscall(ctypes.c_long(numbers[at]), *[ctypes.c_long(n) for n in (0x10000000, 0, 0, 0, 0)])
    print(name, "allowed" if answer != -1 else errno.errorcode[ctypes.get_errno()])
`;

/** The families of sockets, then the protocols of netlink, then those of IPv4 beyond TCP and UDP, that can be made. */
const SOCKETS = `
import socket
def made(*kind):
    try: socket.socket(*kind).close()
    except OSError: return False
    return True
print([family for family in range(64) if made(family, 3 if family == 16 else 2, 0)],
      [protocol for protocol in range(32) if made(16, 3, protocol)],
      [kind for kind in ((2, 1), (2, 136), (1, 132), (1, 262), (6, 33)) if made(2, *kind)])
`;

/** \`mov eax, 20; int 0x80; ret\`: getpid, as a 32-bit program asks for it. */
const CALL_OF_32_BITS = `
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())
`;

/** Commands that use much of the kernel, and what they print. */
const HONEST_WORK: Record<string, [command: string, output: string]> = {
  "processes that share memory and queues": [
    `printf 'from multiprocessing import Pool, Queue\nif __name__ == "__main__":\n  q = Queue(); q.put(1); print(sum(Pool(2).map(abs, [-1, -2])) + q.get())\n' > /tmp/pool.py && python3 /tmp/pool.py`,
    "4",
  ],
  "threads, timers and subprocesses": [
    `node -e 'const { Worker } = require("worker_threads"); const { execFileSync } = require("child_process"); new Worker("setTimeout(() => process.exit(1), 10)", { eval: true }).on("exit", (n) => console.log(n + String(execFileSync("echo", ["2"])).trim()))'`,
    "12",
  ],
  debuggers: [`python3 -c 'import ctypes; print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))'`, "0"],
  "a look at network interfaces": [
    `node -p 'Object.keys(require("os").networkInterfaces()).join()'`,
    "lo",
  ],
  "version control": [
    "cd $(mktemp -d) && git init -q && echo 1 > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a && git gc -q && git log --format=%s",
    "a",
  ],
  "package managers": [
    `cd $(mktemp -d) && mkdir dep && echo '{"name":"dep","version":"1.0.0"}' > dep/package.json && npm install --offline --silent --no-audit ./dep && npm ls --parseable | wc -l`,
    "2",
  ],
  "virtual environments and temporary databases": [
    `python3 -m venv --without-pip /tmp/venv && /tmp/venv/bin/python -c 'import sqlite3; c = sqlite3.connect("/tmp/t.db"); c.execute("pragma journal_mode=wal"); c.execute("create table t as select 7 n"); print(c.execute("select n from t").fetchone()[0])'`,
    "7",
  ],
};

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

    it("is refused the system calls that lead out of a container, and told that others are missing", async () => {
      const answers = await printed(sandbox, `python3 -c '${SYSTEM_CALLS}'`);
      const refused = Object.keys(NUMBERS).map(
        (name) => `${name} ${MISSING.has(name) ? "ENOSYS" : "EPERM"}`,
      );
      expect(answers.split("\n")).toEqual(refused);
    });

    it("makes sockets of the families and protocols that programs speak over, and of no other", async () => {
      expect(await printed(sandbox, `python3 -c '${SOCKETS}'`)).toBe("[1, 2, 10, 16] [0] []");
    });

    it.runIf(process.arch === "x64")(
      "cannot get round the filter by 32-bit calls (which x86-64 has)",
      async () => {
        const { exitCode, output } = await sh(sandbox, `python3 -c '${CALL_OF_32_BITS}'; echo $?`);
        expect({ exitCode, output: output.split("\n").at(-2) }).toEqual({
          exitCode: 0,
          output: "159",
        });
      },
    );

    it.each(Object.entries(HONEST_WORK))(
      "does not stand in the way of %s",
      async (_, [command, output]) => {
        expect(await printed(sandbox, command)).toBe(output);
      },
    );

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
