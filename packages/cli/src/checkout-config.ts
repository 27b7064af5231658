import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SourceRepo, SourceState } from "@headrace/domain";
import { CONFIG_FILE } from "@headrace/intake";

/** A larger one is no configuration. */
const MAX_BYTES = 1024 * 1024;

/** A checkout may hold the same text with the line ends of its system. */
const textOf = (bytes: Uint8Array): string =>
  new TextDecoder().decode(bytes).replaceAll("\r\n", "\n");

/** Tells of a file in the checkout that a person may take for the one that counts, which is the commit's. */
export const unusedConfig = async (
  repo: Pick<SourceRepo, "read">,
  { path, bare }: Pick<SourceState, "path" | "bare">,
  commit: string,
): Promise<string[]> => {
  if (bare) return [];
  const file = join(path, CONFIG_FILE);
  const found = await lstat(file).catch(() => undefined);
  if (!found?.isFile() || found.size > MAX_BYTES) return [];
  const here = await readFile(file).catch(() => undefined);
  if (here === undefined) return [];
  const used = await repo.read(commit, CONFIG_FILE);
  return used !== undefined && textOf(used) === textOf(here)
    ? []
    : [
        `${CONFIG_FILE} in your checkout differs from the one at ${commit.slice(0, 12)} (or is not committed) and is not used: commit it`,
      ];
};
