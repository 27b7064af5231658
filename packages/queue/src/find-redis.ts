import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

export type RedisProbe =
  | { kind: "url"; url: string }
  | { kind: "server"; program: string; version: string }
  /** `tooOld`: a server that BullMQ cannot use was found */
  | { kind: "none"; tooOld?: { program: string; version: string } };

/** How to get one, for each package manager people have. */
export const INSTALL_REDIS = [
  "install one:  Debian, Ubuntu: sudo apt-get install -y redis-server",
  "              Fedora, RHEL:   sudo dnf install -y valkey",
  "              macOS:          brew install redis",
  "or give one in REDIS_URL (redis://host:6379)",
].join("\n  ");

const PROGRAMS = ["redis-server", "valkey-server"];
/** where Homebrew puts servers: a process not started from a shell may lack these in its PATH */
const USUAL_FOLDERS = ["/usr/local/bin", "/opt/homebrew/bin"];
const OLDEST_MAJOR = 5;

/** Which Redis this machine offers: `REDIS_URL`, else a server that can be started. Starts and connects nothing. */
export const findRedis = async (env: NodeJS.ProcessEnv): Promise<RedisProbe> => {
  const url = env.REDIS_URL;
  if (url !== undefined && url !== "") return { kind: "url", url };
  const folders = [...(env.PATH ?? "").split(delimiter).filter(Boolean), ...USUAL_FOLDERS];
  let tooOld: { program: string; version: string } | undefined;
  for (const name of PROGRAMS)
    for (const program of folders.map((folder) => join(folder, name))) {
      const version = await versionOf(program);
      if (version === undefined) continue;
      if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return { kind: "server", program, version };
      tooOld ??= { program, version };
    }
  return { kind: "none", ...(tooOld && { tooOld }) };
};

/** Undefined when there is no such program, or it does not run. */
const versionOf = async (program: string): Promise<string | undefined> => {
  try {
    await access(program, constants.X_OK);
    const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: 5000 });
    return /\bv=(\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
};
