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
