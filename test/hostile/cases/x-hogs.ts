import { constants, watch } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { ExecResult, SandboxLimits } from "@headrace/domain";
import { expect } from "vitest";

/** Limits that what takes all it can get soon meets. */
export const SMALL = { memoryMb: 256, pids: 64, diskMb: 64, inodes: 2000 };

/** A command that takes all it can get, and how that must end. */
export type Hog = {
  id: string;
  title: string;
  command: string;
  ms?: number;
  limits?: Partial<SandboxLimits>;
} & (
  | {
      /** how the command must have ended in a sandbox that works on */
      ended: (result: ExecResult) => unknown;
      /** what the host must be able to do while the command holds what it took */
      meanwhile?: () => Promise<unknown>;
    }
  | {
      /** it is the sandbox that must end: for what it wrote, or because its supervisor is gone */
      lost: "disk" | "inodes" | "the sandbox";
    }
);

const timedOut = (result: ExecResult) => expect(result.timedOut).toBe(true);
const python = (...lines: string[]): string => `python3 -c '${lines.join("\n")}'`;

/** There as long as a command should hold what it took. */
export const HELD = "/tmp/held";

/** Takes by `one`, a Python expression that raises OSError where there is no more; holds it, then prints how many. */
const takesAll = (setUp: string, one: string): string =>
  python(
    "import os, time",
    setUp,
    "some = []",
    "try:",
    `    while len(some) < 100_000: some.append(${one})`,
    "except OSError as error: why = error",
    `open("${HELD}", "w").close()`,
    `while os.path.exists("${HELD}"): time.sleep(0.05)`,
    "print(len(some), why)",
  );

const INOTIFY = `import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def instance():
    made = libc.inotify_init1(0)
    if made < 0: raise OSError(ctypes.get_errno(), "no more")
    return made`;

const ADD_KEYS = python(
  "import ctypes, os, platform",
  "libc = ctypes.CDLL(None, use_errno=True)",
  'number = 248 if platform.machine() == "x86_64" else 217',
  'def add(n): return libc.syscall(number, b"user", b"%d" % n, b"x" * 1000, 1000, -3)',
  "n = 0",
  "while n < 1000 and add(n) != -1: n += 1",
  "print(n, os.strerror(ctypes.get_errno()))",
);

const tookSome = ({ output }: ExecResult) => expect(output).toMatch(/^[1-9]\d* \D/);

export const HOGS: readonly Hog[] = [
  {
    id: "X01",
    title: "a fork bomb",
    command: "bash -c ':(){ :|:& };:'; sleep 60",
    ended: (result) => {
      timedOut(result);
      expect(result.output).toContain("Resource temporarily unavailable");
    },
  },
  {
    id: "X02",
    title: "a memory hog",
    command: python("a = []", "while True: a.append(bytearray(10_000_000))"),
    ms: 20_000,
    ended: (result) => expect(result).toMatchObject({ oomKilled: true, timedOut: false }),
  },
  {
    id: "X03",
    title: "/tmp is filled",
    command: "head -c 400000000 /dev/zero > /tmp/x; echo $?",
    ended: ({ output }) => expect(output).toContain("No space left"),
  },
  {
    id: "X04",
    title: "the workspace is filled",
    command: "head -c 300000000 /dev/zero > x",
    ms: 20_000,
    lost: "disk",
  },
  {
    id: "X05",
    title: "the workspace is filled with empty files",
    command: "mkdir d; seq 1 20000 | sed s,^,d/, | xargs touch",
    ms: 20_000,
    lost: "inodes",
  },
  {
    id: "X06",
    title: "a flood of output",
    command: "yes",
    ended: (result) => {
      timedOut(result);
      expect(result.truncated).toBe(true);
    },
  },
  {
    id: "X07",
    title: "one line of 1 GB",
    command: "head -c 1000000000 /dev/zero | tr '\\0' x",
    ms: 30_000,
    ended: (result) => expect(result.truncated).toBe(true),
  },
  {
    id: "X08",
    title: "file descriptors are used up",
    command: python(
      "import os",
      "n = 0",
      "try:",
      '    while True: os.open("/dev/null", 0); n += 1',
      "except OSError: print(n)",
    ),
    ended: ({ output }) => expect(Number(output)).toBeLessThan(8192),
  },
  {
    id: "X09",
    title: "every thread spins",
    command: "for i in $(seq 1 20); do while :; do :; done & done; wait",
    ended: timedOut,
  },
  { id: "X10", title: "a sleep without end", command: "sleep infinity", ms: 1000, ended: timedOut },
  {
    id: "X11",
    title: "a command that ignores TERM",
    command: "trap '' TERM INT HUP QUIT; while :; do sleep 1; done",
    ms: 1000,
    ended: timedOut,
  },
  {
    id: "X12",
    title: "daemons that fork twice",
    command: "for i in 1 2 3; do (setsid sh -c 'sleep 999 & sleep 999' &); done; sleep 60",
    ms: 1000,
    ended: timedOut,
  },
  {
    id: "X13",
    title: "a child that holds stdout open",
    command: "(sleep 30 &) ; echo parent",
    ended: ({ output }) => expect(output).toBe("parent\n"),
  },
  {
    id: "X14",
    title: "/dev/shm is filled, which is no larger than an engine makes it by itself",
    command: "head -c 200000000 /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x",
    ended: ({ output }) => {
      expect(output).toContain("No space left");
      expect(output.trimEnd().split("\n").at(-1)).toBe(String(64 * 1024 * 1024));
    },
  },
  {
    id: "X15",
    title: "a huge core dump",
    // a shell that waits says whether there was a dump, wherever the machine has it put
    command: `ulimit -c unlimited; ${python("import os", 'x = b"x" * 100_000_000', "os.abort()")}; echo "ended with $?"; ls -d core*`,
    ended: ({ output }) => {
      expect(output).toContain("ended with 134\n");
      expect(output).not.toMatch(/^core|core dumped/m);
    },
  },
  {
    id: "X16a",
    title: "keys of the kernel, which belong to no container",
    command: ADD_KEYS,
    ended: ({ output }) => expect(output).toBe("0 Operation not permitted\n"),
  },
  {
    id: "X16b",
    title: "every inotify instance of its user is taken, and the host makes one",
    command: takesAll(INOTIFY, "instance()"),
    ended: tookSome,
    meanwhile: async () => watch(tmpdir()).close(),
  },
  {
    id: "X16c",
    title: "every pty that containers may have is taken, and the host opens one",
    command: takesAll("import pty", "pty.openpty()"),
    ended: tookSome,
    meanwhile: async () => (await open("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY)).close(),
  },
  {
    id: "X19",
    title: "a command that kills itself and the supervisor",
    command: "kill -9 -1; kill -9 1; kill -9 $$",
    lost: "the sandbox",
  },
  {
    id: "X20",
    title: "progress lines without end",
    command: "while :; do echo working; sleep 0.05; done",
    ended: timedOut,
  },
];

/** X18: the child is killed for memory, the parent exits 0. */
export const HIDDEN_OOM = `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'; exit 0`;
