/** A heading with its text; nothing at all where there is no text. */
export const section = (title: string, text: string | undefined): string[] =>
  text === undefined || text.trim() === "" ? [] : [`## ${title}\n${text.trim()}`];

export const bullets = (items: readonly string[]): string =>
  items.map((item) => `- ${item}`).join("\n");

/** Sections with a blank line between them. */
export const page = (...parts: readonly string[][]): string => parts.flat().join("\n\n");
