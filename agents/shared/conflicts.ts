import type { Workspace } from "@headrace/agent";

const MARKER = /^(?:<{7} |={7}$|>{7} )/m;

/** Files that still hold what git left where it could not merge. */
export const unresolved = async (
  files: readonly string[],
  workspace: Workspace,
): Promise<string[]> => {
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await workspace.read(file) })),
  );
  return texts
    .filter(({ text }) => text !== undefined && MARKER.test(text))
    .map(({ file }) => `${file} still holds conflict markers: resolve them`);
};
