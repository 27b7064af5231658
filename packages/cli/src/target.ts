import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type SourceRepo, UserError } from "@headrace/domain";
import { createRepository, openSourceRepo } from "@headrace/repo";
import { type Options, text } from "./world.ts";

/** The repository a run works on. One that `--new` makes is taken away again when `undo` is disposed of. */
export const openTarget = async (
  options: Options,
  cwd: string,
  undo: AsyncDisposableStack,
): Promise<SourceRepo> => {
  const fresh = text(options, "new");
  const existing = text(options, "repo");
  if (fresh !== undefined && existing !== undefined) {
    throw new UserError(
      "--repo and --new exclude each other",
      "Name the repository, or the folder to make one in.",
    );
  }
  const instead = "use --new DIR to start an empty repository";
  if (fresh === undefined) return openSourceRepo({ path: resolve(cwd, existing ?? "."), instead });
  const path = resolve(cwd, fresh);
  const made = await mkdir(path, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    // what stands there instead of a folder is told below
    if (cause.code === "EEXIST") return undefined;
    throw new UserError(
      `${path} cannot be made: ${cause.message}`,
      "Name a folder you may write to.",
      { cause },
    );
  });
  if (made !== undefined) undo.defer(() => rm(made, { recursive: true, force: true }));
  await createRepository(path);
  undo.defer(() => rm(join(path, ".git"), { recursive: true, force: true }));
  return openSourceRepo({ path });
};
