import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { PRODUCT } from "@headrace/domain";
import { commandOf } from "./command.ts";

/** Paths of one data directory; everything a factory owns lies in it. */
export type DataDir = ReturnType<typeof dataDir>;

/** `--data DIR`, else `$HEADRACE_HOME`, else `~/.headrace`. */
export const dataDir = (flag: string | undefined, env: NodeJS.ProcessEnv) => {
  const root = resolve(flag ?? (env.HEADRACE_HOME || join(homedir(), `.${PRODUCT}`)));
  return {
    root,
    /** what a person types to go on with what lies here */
    command: commandOf(env, flag === undefined ? undefined : root),
    store: join(root, `${PRODUCT}.db`),
    control: join(root, "control.json"),
    log: join(root, "factory.log"),
    repos: join(root, "repos"),
    /** of the user's repositories, while the factory looks at them */
    views: join(root, "views"),
    worker: join(root, "worker"),
    /** the key that receipts and logs are signed with */
    keys: join(root, "keys"),
    notified: join(root, "notified"),
    installation: join(root, "installation"),
    /** what repositories' files were allowed to open */
    allowed: join(root, "allowed-repo-config.json"),
  };
};

/** Makes the directory, readable by its owner only: it holds source code and a token. */
export const makeDataDir = async (data: DataDir): Promise<void> => {
  await mkdir(data.root, { recursive: true, mode: 0o700 });
  await Promise.all([data.repos, data.worker].map((dir) => mkdir(dir, { recursive: true })));
};

/** A random id of this installation, made once; containers are labelled with it. */
export const installationId = async (data: DataDir, make: () => string): Promise<string> => {
  const known = await readFile(data.installation, "utf8").catch(() => undefined);
  if (known?.trim()) return known.trim();
  const id = make();
  await writePrivate(data.installation, `${id}\n`);
  return id;
};

/** Writes a file of mode 0600 so that a reader sees the old one or the new one, whole. */
export const writePrivate = async (path: string, text: string): Promise<void> => {
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, text, { mode: 0o600 });
  await chmod(fresh, 0o600);
  await rename(fresh, path);
};
