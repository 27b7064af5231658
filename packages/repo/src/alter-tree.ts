import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Alteration, AlteredTree } from "@headrace/domain";
import type { Git } from "./git.ts";
import type { ObjectReader } from "./object-reader.ts";
import { listTree } from "./objects.ts";

/** Makes the tree in an index of its own: no work tree, and nothing of the repository but new objects. */
export const alterTree = async (
  git: Git,
  objects: ObjectReader,
  commit: string,
  alteration: Alteration,
): Promise<AlteredTree> => {
  const dir = await mkdtemp(join(tmpdir(), "headrace-index-"));
  const env = { GIT_INDEX_FILE: join(dir, "index") };
  try {
    await git.run(["read-tree", commit], { env });
    if ("patch" in alteration) {
      const apply = ["apply", "--cached", "--whitespace=nowarn", "-"];
      const { code, stderr } = await git.run(apply, {
        env,
        stdin: alteration.patch,
        ok: [0, 1, 128],
      });
      if (code !== 0) return { outcome: "unfit", reason: stderr.trim().slice(0, 1000) };
    } else {
      const lines =
        "files" in alteration
          ? await indexLines(git, await listTree(objects, commit), alteration.files)
          : linesOf(await listTree(objects, alteration.from), alteration.paths);
      // what stands where a folder is wanted, or the other way round, gives way
      const update = ["update-index", "--replace", "-z", "--index-info"];
      await git.run(update, { env, stdin: lines });
    }
    const { stdout } = await git.run(["write-tree"], { env });
    return { outcome: "altered", tree: stdout.toString("utf8").trim() };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

/** What `update-index` reads: a line for each file, its bytes stored once however many files hold them. */
const indexLines = async (
  git: Git,
  entries: Awaited<ReturnType<typeof listTree>>,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> => {
  const stored = new Map<Uint8Array, string>();
  for (const bytes of new Set(files.values())) {
    const { stdout } = await git.run(["hash-object", "-w", "--stdin"], { stdin: bytes });
    stored.set(bytes, stdout.toString("utf8").trim());
  }
  const modes = new Map(entries.map(({ path, mode }) => [path, mode]));
  return [...files]
    .map(([path, bytes]) => {
      const mode = modes.get(path);
      if (mode === undefined) throw new Error(`there is no file ${path} to alter`);
      return `${mode} ${stored.get(bytes)}\t${path}\0`;
    })
    .join("");
};

/** Lines for what another tree has at these paths; a path that it lacks is taken away. */
const linesOf = (
  entries: Awaited<ReturnType<typeof listTree>>,
  paths: readonly string[],
): string => {
  const there = new Map(entries.map((entry) => [entry.path, entry]));
  const line = (path: string): string => {
    const { mode, object } = there.get(path) ?? { mode: "0", object: "0".repeat(40) };
    return `${mode} ${object}\t${path}\0`;
  };
  // what goes makes room for what comes
  const [kept, gone] = [paths.filter((p) => there.has(p)), paths.filter((p) => !there.has(p))];
  return [...gone, ...kept].map(line).join("");
};
