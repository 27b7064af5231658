import { chmod, chown, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InfrastructureError, SANDBOX_UID } from "@headrace/domain";
import type { Layer } from "../disk-watch.ts";
import { FACTORY_FOLDER } from "../profile.ts";
import { isRoot } from "./jail.ts";
import { runProgram } from "./programs.ts";

/** Folders that a sandbox writes; what an environment keeps of them are the first two. */
export const KEPT = ["workspace", "home"] as const;
const OWN = [...KEPT, "tmp", "factory", "factory/store", "factory/bin", "beside"] as const;

export type Size = { bytes: number; files: number };

/** Makes the folders of a sandbox, filled with copies of an environment's. */
export const makeRoom = async (
  room: string,
  environment: string | undefined,
  signal?: AbortSignal,
): Promise<void> => {
  await mkdir(room);
  // whatever this process's mask is
  await chmod(room, 0o711);
  if (environment !== undefined) {
    const folders = KEPT.map((name) => join(environment, name));
    const { code, stderr } = await runProgram(
      ["cp", "-a", "--reflink=auto", "--", ...folders, room],
      signal,
    );
    if (code !== 0) throw new InfrastructureError(`an environment cannot be copied: ${stderr}`);
  }
  for (const name of OWN.filter((one) => environment === undefined || !isKept(one))) {
    await mkdir(join(room, name));
  }
  const factory = join(room, "factory");
  // where Node is mounted, and where commands find it
  await writeFile(join(factory, "node"), "");
  await symlink(`${FACTORY_FOLDER}/node`, join(factory, "bin", "node"));
  if (isRoot()) {
    for (const name of [...OWN, "factory/node"]) await give(join(room, name));
  }
};

const isKept = (name: string): boolean => KEPT.some((kept) => kept === name);

/** Hands a path of the factory's own making to whom root's sandboxes run as. */
export const give = (path: string): Promise<void> =>
  isRoot() ? chown(path, SANDBOX_UID, SANDBOX_UID) : Promise.resolve();

/**
 * Removes what a sandbox left, never following a link of it: by programs that go down folder by folder, so that no
 * path is too long for them, and open to themselves what was closed to them.
 */
export const removeTree = async (path: string): Promise<void> => {
  const remove = () => runProgram(["rm", "-rf", "--one-file-system", "--", path]);
  if ((await remove()).code === 0) return;
  await runProgram(["chmod", "-R", "u+rwX", "--", path]);
  const { code, stderr } = await remove();
  if (code !== 0) throw new InfrastructureError(`a sandbox's folder stays behind: ${stderr}`);
};

/** What is in a folder, measured as it lies on the disk. */
export const sizeOf = async (path: string): Promise<Size> => ({
  bytes: await measured(path, "--block-size=1"),
  files: await measured(path, "--inodes"),
});

/** A sandbox's disk use beyond what its environment brought along, with what `processes` hold open of it. */
export const layerOf = (
  room: string,
  brought: Size,
  processes: () => Promise<number[]>,
): Layer => ({
  bytes: async () => {
    const [named, unnamed] = [
      await measured(room, "--block-size=1"),
      await heldOpen(room, await processes()),
    ];
    return named + unnamed - brought.bytes;
  },
  files: async () => (await measured(room, "--inodes")) - brought.files,
});

/** Sees folders that their owner closed to itself as well, in a user namespace where that is no obstacle. */
const SEEING_ALL = [
  ...["bwrap", "--unshare-user", "--cap-add", "CAP_DAC_READ_SEARCH"],
  ...["--ro-bind", "/", "/", "--"],
];

const measured = async (path: string, unit: string): Promise<number> => {
  const du = ["du", "--summarize", unit, "--", path];
  const plain = await runProgram(du);
  const hidden = plain.stderr.includes("Permission denied");
  // files that vanish meanwhile make it complain and are no matter
  const { stdout } = hidden ? await runProgram([...SEEING_ALL, ...du]) : plain;
  const amount = Number.parseInt(stdout, 10);
  if (Number.isNaN(amount)) throw new InfrastructureError(`disk use cannot be measured: ${path}`);
  return amount;
};

const BLOCK_BYTES = 512;

/** Bytes of files that have lost their names and are open still: they take up the disk, and no folder shows them. */
const heldOpen = async (room: string, pids: readonly number[]): Promise<number> => {
  const { dev } = await stat(room);
  const found = new Map<number, number>();
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    for (const fd of await readdir(folder).catch(() => [])) {
      // the kernel's own link leads to the open file itself, whatever stands at its path
      const file = await stat(join(folder, fd)).catch(() => undefined);
      if (file?.isFile() && file.nlink === 0 && file.dev === dev) {
        found.set(file.ino, file.blocks * BLOCK_BYTES);
      }
    }
  }
  return [...found.values()].reduce((sum, bytes) => sum + bytes, 0);
};
