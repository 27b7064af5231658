import { type FactoryRepo, SANDBOX_UID } from "@headrace/domain";

/** A tree as a gate gets it. Its commit is the same for the same tree, and no ref ever names it. */
export const tarOfTree = async (
  repo: Pick<FactoryRepo, "commit" | "tar">,
  tree: string,
): Promise<Uint8Array> => {
  const spec = { tree, parents: [], message: "A tree that only gates see", at: new Date(0) };
  return repo.tar(await repo.commit(spec), { uid: SANDBOX_UID });
};
