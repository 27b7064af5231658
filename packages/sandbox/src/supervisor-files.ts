import { readdir, readFile } from "node:fs/promises";
import { SANDBOX_UID } from "@headrace/domain";
import { FACTORY_FOLDER } from "./profile.ts";
import { makeTar, type TarEntry } from "./tar.ts";

const SOURCE = new URL("../../../sandboxes/", import.meta.url);
const ENTRY = "supervisor.mjs";
const FOLDER = FACTORY_FOLDER.slice(1);

let programs: Promise<TarEntry[]> | undefined;

/** The supervisor and other files as a tar for `/`, with an empty folder that the sandbox's user may write. */
export const supervisorTar = async (files: readonly TarEntry[] = []): Promise<Buffer> => {
  const store = { path: `${FOLDER}/store`, uid: SANDBOX_UID, mode: 0o700 };
  return makeTar([...(await setupSupervisor()), store, ...files]);
};

/** The same without that folder: what set-up writes into it would be part of every sandbox. Read once. */
export const setupSupervisor = (): Promise<TarEntry[]> => {
  programs ??= readPrograms().catch((error) => {
    programs = undefined;
    throw error;
  });
  return programs;
};

/** An image that is not ours has its Node in the factory's folder, put there when its environment was built. */
export const SUPERVISOR_COMMAND = [
  "/bin/sh",
  "-c",
  `node=${FACTORY_FOLDER}/node; [ -x "$node" ] || node=/usr/local/bin/node; exec "$node" ${FACTORY_FOLDER}/${ENTRY}`,
] as const;

const readPrograms = async (): Promise<TarEntry[]> => {
  const names = await readdir(new URL("supervisor/", SOURCE));
  const sources = [
    ENTRY,
    ...names.filter((name) => /(?<!\.test)\.mjs$/.test(name)).map((name) => `supervisor/${name}`),
  ];
  const files = sources.map(
    async (path): Promise<TarEntry> => ({
      path: `${FOLDER}/${path}`,
      uid: 0,
      mode: 0o644,
      bytes: await readFile(new URL(path, SOURCE)),
    }),
  );
  return [{ path: `${FOLDER}/supervisor`, uid: 0, mode: 0o755 }, ...(await Promise.all(files))];
};
