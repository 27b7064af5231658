import type { FactoryRepo, TreeEntry } from "@headrace/domain";

/** The files of one commit, never those of a checkout. */
export type Tree = {
  list(): Promise<readonly Pick<TreeEntry, "mode" | "path">[]>;
  read(path: string): Promise<Uint8Array | undefined>;
};

/** The tree of `commit` in a source or factory repository. */
export const treeAt = (repo: Pick<FactoryRepo, "list" | "read">, commit: string): Tree => ({
  list: () => repo.list(commit),
  read: (path) => repo.read(commit, path),
});

/** Paths of regular files; symbolic links and submodules are left out. */
export const filesOf = async (tree: Tree): Promise<string[]> =>
  (await tree.list())
    .filter(({ mode }) => mode === "100644" || mode === "100755")
    .map(({ path }) => path);

/** The first megabyte of a repository's file as text, however it is encoded. */
export const readText = async (tree: Tree, path: string): Promise<string | undefined> => {
  const bytes = await tree.read(path);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes.subarray(0, 1_000_000));
};
