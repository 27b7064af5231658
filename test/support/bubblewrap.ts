import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBubblewrapSandboxes, probeBubblewrap } from "@headrace/sandbox";
import type { MakeHarness, SandboxHarness } from "../contract/suites/sandbox-harness.ts";

const DEVICES = ["full", "null", "random", "tty", "urandom", "zero"].map((name) => `/dev/${name}`);
const MASKED = ["kcore", "keys", "latency_stats", "sched_debug", "timer_list"].map(
  (name) => `/proc/${name}`,
);
/** The host's programs and what they read, and the factory's own files. */
export const READ_ONLY = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"],
  ...["/etc", "/etc/alternatives", "/etc/ssl/certs"],
  ...["/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"],
  ...["/opt/headrace", "/opt/headrace/node"],
];
/** Folders of the sandbox's room on the host. */
const OWN = ["/home/agent", "/opt/headrace/store", "/workspace"];

/** A folder that root's sandboxes, who are somebody else's, can reach. */
const reachableFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-bubblewrap-"));
  await chmod(folder, 0o711);
  return folder;
};

/** What keeps this host from holding sandboxes of bubblewrap; undefined where nothing does. */
export const bubblewrapMissing = async (): Promise<string | undefined> => {
  const folder = await reachableFolder();
  try {
    const probe = await probeBubblewrap({ folder, owner: `test-${randomUUID()}` });
    return probe.ok ? undefined : probe.reason;
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Sandboxes of bubblewrap in a folder of their own. */
export const bubblewrapHarness = async (
  extra: Parameters<MakeHarness>[0] = {},
): Promise<SandboxHarness & { folder: string; owner: string }> => {
  const folder = await reachableFolder();
  const owner = `test-${randomUUID()}`;
  const options = { folder, owner, onWarning: () => {}, ...extra };
  const boots = [createBubblewrapSandboxes({ ...options, boot: "boot-1" })] as const;
  const later: ReturnType<typeof createBubblewrapSandboxes>[] = [];
  return {
    folder,
    owner,
    sandboxes: boots[0],
    reboot() {
      const next = createBubblewrapSandboxes({ ...options, boot: `boot-${later.length + 2}` });
      later.push(next);
      return next;
    },
    async destroy({ id }) {
      for (const pid of await processesOf(id)) process.kill(pid, "SIGKILL");
    },
    mounts: [...DEVICES, ...MASKED, ...READ_ONLY, ...OWN],
    discardLater: () => {},
    async [Symbol.asyncDispose]() {
      await Promise.all([boots[0], ...later].map((sandboxes) => sandboxes.close()));
      await rm(folder, { recursive: true });
    },
  };
};

/** The processes in the control group of a sandbox. */
export const processesOf = async (id: string): Promise<number[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const groups = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "")),
  );
  return pids.filter((_, at) => groups[at]?.includes(id)).map(Number);
};
