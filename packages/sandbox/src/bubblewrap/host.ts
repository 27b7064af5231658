import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { arch, release } from "node:os";
import { dirname, join } from "node:path";
import { PRODUCT, SANDBOX_UID, UserError } from "@headrace/domain";
import { HOME } from "../profile.ts";
import { type CgroupPlace, findCgroupPlace } from "./cgroups.ts";
import { ETC_FOLDERS, isRoot } from "./jail.ts";
import { runProgram } from "./programs.ts";
import { type Architecture, compileSeccomp, syscallNumbers } from "./seccomp.ts";

const PROFILE = new URL("../../../../sandboxes/seccomp.json", import.meta.url);
const ARCHITECTURES: Partial<Record<string, Architecture>> = { x64: "x86_64", arm64: "aarch64" };
const MAX_FILES = 8192;

/** What every sandbox on this host is made of, prepared once for each process. */
export type Host = {
  version: string;
  place: CgroupPlace;
  disableUserns: boolean;
  maxFiles: number;
  /** files in the factory's folder: the seccomp program, /etc and Node */
  seccomp: string;
  etc: string;
  node: string;
  /** changes with what is installed here, and so with what an environment was made on */
  identity: string;
};

/** Throws `UserError` with a remedy where this host cannot hold a sandbox. */
export const prepareHost = async (folder: string): Promise<Host> => {
  const architecture = ARCHITECTURES[process.arch];
  if (process.platform !== "linux" || architecture === undefined) {
    throw new UserError(
      `bubblewrap needs Linux on x86_64 or aarch64, this is ${process.platform} on ${process.arch}`,
      "use a container engine: see `headrace doctor`",
    );
  }
  await findPrograms();
  const version = await bwrapVersion();
  const place = await findCgroupPlace();
  if (place === undefined) throw noCgroups();
  await makeFolder(folder);
  const [help, identity] = await Promise.all([runProgram(["bwrap", "--help"]), hostIdentity()]);
  const seccomp = join(folder, "seccomp.bpf");
  const etc = join(folder, "etc");
  const node = join(folder, `node-${process.versions.node}`);
  await Promise.all([writeSeccomp(seccomp, architecture), writeEtc(etc), copyNode(node)]);
  return {
    version,
    place,
    disableUserns: help.stdout.includes("--disable-userns"),
    maxFiles: await mostFiles(),
    ...{ seccomp, etc, node, identity },
  };
};

/** The host's programs that a sandbox is made with. */
const NEEDED = ["bwrap", "bash", "prlimit", "setpriv", "git", "tar", "mkfifo", "cp", "du", "rm"];

const findPrograms = async (): Promise<void> => {
  const { stdout } = await runProgram([
    "sh",
    "-c",
    'for p in "$@"; do command -v "$p" >/dev/null || echo "$p"; done',
    "sh",
    ...NEEDED,
  ]);
  const missing = stdout.split("\n").filter(Boolean);
  if (missing.length === 0) return;
  const packages = missing.map((name) => PACKAGES[name] ?? "coreutils");
  throw new UserError(
    `sandboxes of bubblewrap need programs that are not installed: ${missing.join(", ")}`,
    `install the packages: ${[...new Set(packages)].join(", ")}`,
  );
};

const PACKAGES: Readonly<Record<string, string>> = {
  bwrap: "bubblewrap",
  bash: "bash",
  git: "git",
  tar: "tar",
  prlimit: "util-linux",
  setpriv: "util-linux",
};

const bwrapVersion = async (): Promise<string> => {
  const { stdout } = await runProgram(["bwrap", "--version"]);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? "unknown";
};

const noCgroups = (): UserError =>
  new UserError(
    "no control group can be made here, so nothing would limit a sandbox's memory, processes and processor time",
    "with cgroup 2 and systemd, start the factory in a group of your own: " +
      `systemd-run --user --scope -p Delegate=yes ${PRODUCT} serve; with cgroup 1 only root can make them`,
  );

/** Root's sandboxes run as somebody who must be able to reach their folders. */
const makeFolder = async (folder: string): Promise<void> => {
  await mkdir(join(folder, "rooms"), { recursive: true, mode: 0o711 });
  if (!isRoot()) return;
  for (const path of [folder, join(folder, "rooms")]) await chmod(path, 0o711);
  const probe = ["setpriv", `--reuid=${SANDBOX_UID}`, `--regid=${SANDBOX_UID}`, "--clear-groups"];
  const { code } = await runProgram([...probe, "test", "-x", join(folder, "rooms")]);
  if (code === 0) return;
  throw new UserError(
    `the sandboxes of root run as user ${SANDBOX_UID}, who cannot reach ${folder}`,
    `use a data directory that others may pass through (chmod o+x ${dirname(folder)} and above), such as --data /var/lib/headrace`,
  );
};

const writeSeccomp = async (path: string, architecture: Architecture): Promise<void> => {
  const profile = JSON.parse(await readFile(PROFILE, "utf8"));
  const numbers = await syscallNumbers(architecture);
  const program = compileSeccomp(profile, { architecture, numbers, kernel: release() });
  await replace(path, (to) => writeFile(to, program));
};

/** A copy, for Node may lie where the sandboxes' user cannot reach it; its name holds the version. */
const copyNode = async (path: string): Promise<void> => {
  if (existsSync(path)) return;
  await replace(path, (to) => copyFile(process.execPath, to));
};

/** Files of /etc that are made, and those that are taken over because they name nobody and hold nothing of anyone. */
const ETC: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/nonexistent:/bin/false\nagent:x:${SANDBOX_UID}:${SANDBOX_UID}::${HOME}:/bin/sh\n`,
  group: `root:x:0:\nagent:x:${SANDBOX_UID}:\n`,
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
  hosts: "127.0.0.1 localhost sandbox\n::1 localhost\n",
  hostname: "sandbox\n",
  "resolv.conf": "",
};
const ETC_COPIES = ["ld.so.cache", "ssl/openssl.cnf", "mime.types", "services", "protocols"];

const writeEtc = async (etc: string): Promise<void> => {
  for (const path of ETC_FOLDERS) await mkdir(join(etc, path), { recursive: true });
  for (const [name, text] of Object.entries(ETC)) {
    await replace(join(etc, name), (path) => writeFile(path, text));
  }
  for (const name of ETC_COPIES) {
    const bytes = await readFile(join("/etc", name)).catch(() => undefined);
    if (bytes !== undefined) await replace(join(etc, name), (path) => writeFile(path, bytes));
  }
  await runProgram(["chmod", "-R", "a+rX", "--", etc]);
};

/** Puts a file in its place whole: sandboxes of another process of this installation may be starting with it. */
const replace = async (path: string, write: (path: string) => Promise<void>): Promise<void> => {
  const fresh = `${path}.${process.pid}`;
  await write(fresh);
  // whatever this process's mask is, root's sandboxes are somebody else's
  await chmod(fresh, 0o755);
  await rename(fresh, path);
};

/** This process's own hard limit is the most that it can hand on. */
const mostFiles = async (): Promise<number> => {
  const limits = await readFile("/proc/self/limits", "utf8");
  const hard = Number(/^Max open files +\S+ +(\d+)/m.exec(limits)?.[1] ?? MAX_FILES);
  return Math.min(hard, MAX_FILES);
};

const hostIdentity = async (): Promise<string> => {
  const hash = createHash("sha256").update(`${arch()} ${process.versions.node}`);
  for (const path of ["/etc/os-release", "/var/lib/dpkg/status", "/lib/apk/db/installed"]) {
    hash.update(await readFile(path).catch(() => ""));
  }
  return hash.digest("hex").slice(0, 40);
};
