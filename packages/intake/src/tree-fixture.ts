import type { Tree } from "./tree.ts";

/** A commit's files as a record of path and text; a text `-> target` is a symbolic link. */
export const treeOf = (files: Readonly<Record<string, string>>): Tree => ({
  list: async () =>
    Object.entries(files).map(([path, text]) => ({
      path,
      mode: text.startsWith("-> ") ? "120000" : "100644",
    })),
  read: async (path) => {
    const text = files[path];
    return text === undefined || text.startsWith("-> ")
      ? undefined
      : new TextEncoder().encode(text);
  },
});

/** The message of what `action` throws, so that a table can hold whole messages. */
export const messageOf = async (action: () => unknown): Promise<string> => {
  try {
    await action();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing was thrown";
};
