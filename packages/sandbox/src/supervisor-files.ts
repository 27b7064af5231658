import { readdir, readFile } from "node:fs/promises";
import { FACTORY_FOLDER, SANDBOX_UID } from "./profile.ts";
import { makeTar, type TarEntry } from "./tar.ts";

const SOURCE = new URL("../../../sandboxes/", import.meta.url);
const ENTRY = "supervisor.mjs";

let tar: Promise<Buffer> | undefined;

/** The supervisor as a tar for `/`, with an empty folder beside it that the sandbox's user may write. */
export const supervisorTar = (): Promise<Buffer> => {
  tar ??= build();
  return tar;
};

/** An image that is not ours has its Node in the factory's folder, put there when its environment was built. */
export const SUPERVISOR_COMMAND = [
  "/bin/sh",
  "-c",
  `node=${FACTORY_FOLDER}/node; [ -x "$node" ] || node=/usr/local/bin/node; exec "$node" ${FACTORY_FOLDER}/${ENTRY}`,
] as const;

const build = async (): Promise<Buffer> => {
  const folder = FACTORY_FOLDER.slice(1);
  const names = await readdir(new URL("supervisor/", SOURCE));
  const sources = [
    ENTRY,
    ...names.filter((name) => /(?<!\.test)\.mjs$/.test(name)).map((name) => `supervisor/${name}`),
  ];
  const files = sources.map(
    async (path): Promise<TarEntry> => ({
      path: `${folder}/${path}`,
      uid: 0,
      mode: 0o644,
      bytes: await readFile(new URL(path, SOURCE)),
    }),
  );
  return makeTar([
    { path: `${folder}/supervisor`, uid: 0, mode: 0o755 },
    { path: `${folder}/store`, uid: SANDBOX_UID, mode: 0o700 },
    ...(await Promise.all(files)),
  ]);
};
