import { HostileTreeError, type Sandbox, SandboxLimitError } from "@headrace/domain";
import { expect } from "vitest";
import { bytes, sh } from "../../contract/suites/sandbox-harness.ts";
import { type HostileCase, hostile, refusal, type Verdict } from "../case.ts";
import { handIn, type Stage } from "../stage.ts";

type Run = (sandbox: Sandbox, stage: Stage) => Promise<Verdict>;

/** An attack by files of the workspace, in the shared sandbox: `script` makes it. */
const path = (
  n: number,
  title: string,
  verdict: Verdict,
  script: string | ((stage: Stage) => string),
  run: Run,
): HostileCase =>
  hostile({
    id: `P${String(n).padStart(2, "0")}`,
    title,
    verdict,
    async build(stage) {
      const sandbox = await stage.shared();
      await sh(
        sandbox,
        "chmod -R u+rwX . 2>/dev/null; rm -rf ./* ./.[!.]* /tmp/*; echo kept > a.txt",
      );
      const command = typeof script === "string" ? script : script(stage);
      const { exitCode, output } = await sh(sandbox, command);
      if (exitCode !== 0) throw new Error(`the attack could not be made: ${output}`);
      return sandbox;
    },
    run,
  });

/** What the read tool shows the model of a path; undefined where it tells why it cannot. */
const shown = async (sandbox: Sandbox, file: string): Promise<string | undefined> => {
  const found = await sandbox.read(file, 1000).catch((error: Error) => {
    // for the model: a sandbox that is lost throws another kind
    expect(error.name).toBe("Error");
    return undefined;
  });
  return found && Buffer.from(found.bytes).toString();
};

/** The tool shows nothing of the host, and what the agent hands in is refused. */
const readsNothingAndIsRefused =
  (file: string): Run =>
  async (sandbox, stage) => {
    expect(await shown(sandbox, file)).toBeUndefined();
    return refusal(handIn(stage, sandbox));
  };

const readsNothing =
  (file: (stage: Stage) => string, verdict: Verdict): Run =>
  async (sandbox, stage) => {
    expect(await shown(sandbox, file(stage))).toBeUndefined();
    return verdict;
  };

/** Leaves out what is no file, or takes it as one. */
const handedIn =
  (verdict: Verdict): Run =>
  async (sandbox, stage) => {
    await handIn(stage, sandbox);
    return verdict;
  };

/** What is named `odd` is read as nothing, without an error, and hinders no work that is handed in. */
const isNoFile: Run = async (sandbox, stage) => {
  expect(await sandbox.read("odd", 10)).toBeUndefined();
  return handedIn("contained")(sandbox, stage);
};

const writesInside =
  (file: (stage: Stage) => string): Run =>
  async (sandbox, stage) => {
    await sandbox.write(file(stage), bytes("pwned\n")).catch((error: Error) => {
      // told to the model; the sandbox is whole
      expect(error.name).toBe("Error");
    });
    await stage.tripwires.assertSilent(file(stage));
    return "contained";
  };

const treasure = ({ tripwires }: Stage): string => tripwires.treasure.path;

/** Swaps a link between a file and the host's path while the tool reads it. */
const race: Run = async (sandbox, stage) => {
  const target = treasure(stage);
  const swap = `while [ -e go ]; do ln -sfn a.txt swap; ln -sfn ${target} swap; done`;
  const swapping = sandbox.exec(`touch go; ${swap}`, { timeoutMs: 60_000, maxOutputBytes: 100 });
  const seen = new Set<string | undefined>();
  for (let batch = 0; batch < 100; batch++) {
    const reads = Array.from({ length: 100 }, () => sandbox.read("swap", 100));
    for (const found of await Promise.all(reads))
      seen.add(found && Buffer.from(found.bytes).toString());
  }
  // both ends of the link were met: the file, and a path that is not there
  expect([...seen].sort()).toEqual(["kept\n", undefined]);
  await sh(sandbox, "rm -f go swap");
  await swapping;
  return "contained";
};

export const PATHS: readonly HostileCase[] = [
  path(1, "a link to /etc/shadow", "refused", "ln -s /etc/shadow x", readsNothingAndIsRefused("x")),
  path(
    2,
    "a link to /, and a path through it",
    "refused",
    (stage) => `ln -s / x; ls x${treasure(stage)} 2>&1 | grep -q such`,
    readsNothingAndIsRefused("x/etc/shadow"),
  ),
  path(
    3,
    "a chain of 41 links that ends at a host file",
    "refused",
    (stage) => `ln -s ${treasure(stage)} l0; for i in $(seq 1 41); do ln -s l$((i-1)) l$i; done`,
    readsNothingAndIsRefused("l41"),
  ),
  path(4, "a link that is swapped between check and open, 10,000 reads", "contained", "true", race),
  path(
    5,
    "a hard link to a file of the factory's",
    "contained",
    // whether or not the link comes to be, what is written through it does not arrive
    'sum() { cat /opt/headrace/supervisor.mjs /etc/passwd | sha256sum; }; was=$(sum); ln /opt/headrace/supervisor.mjs x 2>/dev/null; ln /etc/passwd y 2>/dev/null; (echo pwned >> x; echo pwned >> y) 2>/dev/null; test -n "$was" && test "$was" = "$(sum)"',
    handedIn("contained"),
  ),
  path(6, "a fifo, read and handed in", "contained", "mkfifo odd", isNoFile),
  path(
    7,
    "a unix socket",
    "contained",
    "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"odd\")'",
    isNoFile,
  ),
  path(
    8,
    "a device node",
    "contained",
    "! mknod x b 8 0 2>/dev/null && ! mknod y c 1 1 2>/dev/null",
    readsNothing(() => "/dev/mem", "contained"),
  ),
  path(
    9,
    "/proc/self/root and /proc/1/root",
    "contained",
    "true",
    readsNothing((stage) => `/proc/self/root${treasure(stage)}`, "contained"),
  ),
  path(10, "/proc/self/fd/N of the supervisor", "contained", "true", async (sandbox) => {
    for (let fd = 0; fd < 40; fd++)
      expect(await shown(sandbox, `/proc/self/fd/${fd}`)).toBeUndefined();
    return "contained";
  }),
  path(
    11,
    "read ../../..",
    "contained",
    "true",
    readsNothing((stage) => `../../../..${treasure(stage)}`, "contained"),
  ),
  path(
    12,
    "an absolute path of the host",
    "contained",
    "true",
    readsNothing(treasure, "contained"),
  ),
  path(
    13,
    "a NUL in a path",
    "contained",
    "true",
    readsNothing(() => "a.txt\0.png", "contained"),
  ),
  path(
    14,
    "%2e%2e and an overlong dot",
    "contained",
    "true",
    readsNothing(() => "%2e%2e/%2e%2e/etc/passwd", "contained"),
  ),
  path(
    15,
    "a path of 5,000 characters",
    "contained",
    "true",
    readsNothing(() => "x/".repeat(2500), "contained"),
  ),
  path(
    16,
    "a setuid file",
    "harmless",
    "cp /bin/sh x; chmod 4755 x; ./x -p -c 'test $(id -u) = 10001'",
    handedIn("harmless"),
  ),
  path(17, "a sparse file of 8 EB", "contained", "true", async (_, stage) => {
    await using sandbox = await stage.fresh({ diskMb: 64 });
    const made = sh(sandbox, "truncate -s 8E x; truncate -s 900M y; sleep 5");
    const end = await made.then(() => handIn(stage, sandbox)).catch((error: Error) => error.name);
    expect([SandboxLimitError.name, HostileTreeError.name]).toContain(end);
    return "contained";
  }),
  path(
    18,
    "extended attributes and capability bits",
    "harmless",
    `python3 - <<'END'
import os, struct, sys
try: os.setxattr("a.txt", "user.x", b"y")
except OSError: pass
try: os.setxattr("a.txt", "security.capability", struct.pack("<5I", 0x02000001, 1 << 21, 0, 0, 0))
except PermissionError: sys.exit(0)
sys.exit("a capability was set")
END`,
    handedIn("harmless"),
  ),
  path(
    19,
    "a case collision over a file that is there",
    "refused",
    "echo 1 > A.TXT",
    async (sandbox, stage) => refusal(handIn(stage, sandbox), /case/),
  ),
  path(
    20,
    "a write to .git/config through the file tool",
    "contained",
    "git init -q; printf '#!/bin/sh\\ntouch /tmp/p20\\n' > trap; chmod +x trap",
    async (sandbox, stage) => {
      const text = `[core]\n\tfsmonitor = /workspace/trap\n`;
      await sandbox.write(".git/config", bytes(text));
      const sprung = async () => (await sh(sandbox, "ls /tmp/p20")).exitCode === 0;
      const end = await handedIn("contained")(sandbox, stage);
      expect(await sprung()).toBe(false);
      // the agent's own git springs it
      await sh(sandbox, "git status");
      expect(await sprung()).toBe(true);
      return end;
    },
  ),
  path(
    21,
    "a file of the host that is not there yet",
    "contained",
    "true",
    writesInside(({ tripwires }) => `${tripwires.folder}/new/settings.json`),
  ),
  path(
    22,
    "a folder renamed under an open handle",
    "contained",
    "mkdir d; echo 1 > d/f; (exec 3<d/f; mv d e; ln -s / d; sleep 1; cat <&3) > out",
    readsNothing((stage) => `d${treasure(stage)}`, "contained"),
  ),
];
