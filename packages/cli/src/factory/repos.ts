import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SourceRepo } from "@headrace/domain";
import { type OpenedFactoryRepo, openFactoryRepo, openSourceRepo } from "@headrace/repo";
import type { DataDir } from "../data-dir.ts";

/** Where the factory keeps its own repository of a target. */
export const factoryRepoDir = (dir: string, target: string): string =>
  join(dir, `${createHash("sha256").update(target).digest("hex").slice(0, 16)}.git`);

/**
 * One bare repository per target, opened once; the user's repositories as they are asked for. Views of these that a
 * killed factory of this directory left are removed.
 */
export const createRepos = async ({ repos: dir, views }: Pick<DataDir, "repos" | "views">) => {
  await rm(views, { recursive: true, force: true });
  await mkdir(views);
  const open = new Map<string, Promise<OpenedFactoryRepo>>();
  return {
    factory(target: string): Promise<OpenedFactoryRepo> {
      const known = open.get(target);
      if (known) return known;
      const opened = openFactoryRepo({ dir: factoryRepoDir(dir, target) });
      open.set(target, opened);
      opened.catch(() => open.delete(target));
      return opened;
    },
    source: async (path: string): Promise<SourceRepo> => openSourceRepo({ path, scratch: views }),
    async [Symbol.asyncDispose]() {
      // a repository that is not closed is checked whole at the next start
      for (const opened of open.values()) await (await opened.catch(() => undefined))?.close();
    },
  };
};
