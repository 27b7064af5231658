import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { InfrastructureError, PRODUCT } from "@headrace/domain";
import { identify, killIdentified } from "./process-identity.ts";

/**
 * The data directory remembers the server of its factory, because one that was killed with SIGKILL leaves it
 * running; the next start ends it.
 */
const recordFile = (dataDir: string): string => join(dataDir, "redis.pid");

const PREFIX = `${PRODUCT}-redis-`;
/** sockets' paths are cut off at 104 bytes on macOS, at 108 on Linux */
const MAX_SOCKET_BYTES = 99;

/** A private directory (mode 0700) whose path leaves room for a socket's name. */
export const socketDirectory = async (): Promise<string> => {
  const base = [tmpdir(), "/tmp"].find(
    (folder) =>
      Buffer.byteLength(join(folder, `${PREFIX}XXXXXX`, "redis.sock")) <= MAX_SOCKET_BYTES,
  );
  if (base === undefined) throw new InfrastructureError("no folder for a unix socket");
  return mkdtemp(join(base, PREFIX));
};

export const recordServer = async (
  dataDir: string,
  pid: number | undefined,
  directory: string,
): Promise<void> => {
  const server = pid === undefined ? undefined : await identify(pid);
  if (server === undefined) return;
  const text = `${server.pid}\n${server.startedAt}\n${directory}\n`;
  await writeFile(recordFile(dataDir), text, { mode: 0o600 });
};

export const forgetServer = async (dataDir: string, directory: string): Promise<void> => {
  await rm(recordFile(dataDir), { force: true });
  await rm(directory, { recursive: true, force: true });
};

/** Ends the server that an earlier factory of this data directory left behind, if there is one. */
export const endLeftover = async (dataDir: string): Promise<void> => {
  const text = await readFile(recordFile(dataDir), "utf8").catch(() => "");
  const [pid = "", startedAt = "", directory = ""] = text.split("\n");
  if (!/^\d+$/.test(pid) || !basename(directory).startsWith(PREFIX)) return;
  await killIdentified({ pid: Number(pid), startedAt });
  await forgetServer(dataDir, directory);
};
