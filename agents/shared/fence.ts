/**
 * Text of the repository, the spec or another agent between tags, so that a model can tell it from instructions.
 * The text cannot close its own fence.
 */
export const fence = (
  tag: string,
  text: string,
  attributes: Record<string, string> = {},
): string => {
  const named = Object.entries(attributes).map(
    ([key, value]) => ` ${key}=${JSON.stringify(value)}`,
  );
  const inner = text.replaceAll(`</${tag}`, `<\\/${tag}`).replace(/^\n+/, "").trimEnd();
  return `<${tag}${named.join("")}>\n${inner}\n</${tag}>`;
};

/** A heading with its text; nothing at all where there is no text. */
export const section = (title: string, text: string | undefined): string[] =>
  text === undefined || text.trim() === "" ? [] : [`## ${title}\n${text.trim()}`];

export const bullets = (items: readonly string[]): string =>
  items.map((item) => `- ${item}`).join("\n");

/** Sections with a blank line between them. */
export const page = (...parts: readonly string[][]): string => parts.flat().join("\n\n");
