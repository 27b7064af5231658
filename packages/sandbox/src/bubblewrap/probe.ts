import { randomUUID } from "node:crypto";
import {
  type ExecResult,
  InfrastructureError,
  type Sandboxes,
  SandboxLimits,
  UserError,
} from "@headrace/domain";
import {
  type BubblewrapSandboxesOptions,
  createBubblewrapSandboxes,
} from "./bubblewrap-sandboxes.ts";
import { BUBBLEWRAP_DIFFERENCES } from "./differences.ts";
import { namespaceRemedy, namespaceSettings } from "./namespace-settings.ts";

export type BubblewrapProbe =
  | { ok: true; version: string; differences: readonly string[] }
  | { ok: false; reason: string; remedy: string };

const LIMITS = SandboxLimits.parse({ memoryMb: 128, cpus: 1, pids: 64, diskMb: 64 });
const ENGINE = "use a container engine: see `headrace doctor`";
const TRIAL_MS = 20_000;
/** Grows by steps that the kernel sees, to several times the limit. */
const HOG = `exec node -e 'const a = []; for (let n = 0; n < 60; n++) a.push(Buffer.alloc(1e7, 1))'`;
const FORKS = "i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo all started";

/** What a sandbox is tried for: a command in it, and what it must say where the wall holds. */
const TRIALS: ReadonlyArray<{
  wall: string;
  command: string;
  holds: (result: ExecResult) => boolean;
  /** losing the sandbox is holding as well */
  mayLose?: true;
}> = [
  {
    wall: "commands do not run",
    command: "id -u; git --version >/dev/null && echo fine",
    holds: ({ exitCode, output }) => exitCode === 0 && output === "10001\nfine\n",
  },
  {
    wall: "its network is not closed",
    command: `sed '1,2d; s/^ *//; s/:.*//' /proc/net/dev; cat /proc/net/route | wc -l`,
    holds: ({ output }) => /^lo\n[01]\n$/.test(output),
  },
  {
    wall: "this person's files can be seen in it",
    command:
      "ls -A /root /home/*/.ssh /var/lib /run 2>/dev/null | grep -v ':$' | grep . ; test -w /usr && echo usr; echo end",
    holds: ({ output }) => output === "end\n",
  },
  {
    wall: "new namespaces can be made in it",
    command: "unshare --user --map-root-user true 2>/dev/null && echo made; echo end",
    holds: ({ output }) => output === "end\n",
  },
  {
    wall: "its memory is not limited",
    command: HOG,
    holds: ({ oomKilled, exitCode }) => oomKilled && exitCode !== 0,
    mayLose: true,
  },
  {
    wall: "its processes are not limited",
    command: FORKS,
    holds: ({ output }) => !output.includes("all started"),
    mayLose: true,
  },
];

/**
 * Whether this host's bubblewrap can be offered: a sandbox is really started, and its walls and limits are tried. What
 * is missing is told with its remedy.
 */
export const probeBubblewrap = async ({
  folder,
  owner,
}: Pick<BubblewrapSandboxesOptions, "folder" | "owner">): Promise<BubblewrapProbe> => {
  const boot = `probe-${randomUUID()}`;
  const sandboxes = createBubblewrapSandboxes({ folder, owner, boot, onWarning: () => {} });
  try {
    const { version } = await sandboxes.describe();
    const failed = await firstThatFails(sandboxes);
    if (failed === undefined) return { ok: true, version, differences: BUBBLEWRAP_DIFFERENCES };
    const reason = `a sandbox of bubblewrap was tried, and does not hold: ${failed}`;
    return { ok: false, reason, remedy: ENGINE };
  } catch (error) {
    return refusal(error as Error);
  } finally {
    await sandboxes.close();
  }
};

const firstThatFails = async (sandboxes: Sandboxes): Promise<string | undefined> => {
  const { image } = await sandboxes.environment(
    { image: undefined, setup: [], files: [], env: {}, limits: LIMITS, timeoutMs: TRIAL_MS },
    {},
  );
  const labels = { run: "probe", step: "probe" };
  for (const trial of TRIALS) {
    await using sandbox = await sandboxes.open({ image, limits: LIMITS, env: {}, labels });
    const options = { timeoutMs: TRIAL_MS, maxOutputBytes: 10_000 };
    const held = await sandbox.exec(trial.command, options).then(trial.holds, (error) => {
      if (trial.mayLose && error instanceof InfrastructureError) return true;
      throw error;
    });
    if (!held) return trial.wall;
  }
  return undefined;
};

const refusal = async (error: Error): Promise<BubblewrapProbe> => {
  if (error instanceof UserError) {
    const { message, remedy = ENGINE } = error;
    return { ok: false, reason: message.replace(`\n  ${remedy}`, ""), remedy };
  }
  const reason = `bubblewrap cannot start a sandbox here: ${error.message}`;
  return { ok: false, reason, remedy: namespaceRemedy(await namespaceSettings()) ?? ENGINE };
};
