/**
 * The family a model id belongs to: the name its price and routes are listed under. Providers write one
 * model in several ways: `claude-opus-4-8`, `claude-opus-4-8-20260115` (a dated snapshot), `claude-opus-4-8@20260115`
 * (Vertex), `claude-opus-4-8-latest`, `anthropic/claude-opus-4.8` (OpenRouter). Nothing else is folded: a suffix such
 * as `-fast` or `:thinking` may have its own price, so it stays part of the name.
 */
export const familyOf = (id: string): string =>
  id
    .replace(/^anthropic\//, "")
    .replace(/(?:[-@]\d{8}|-latest)$/, "")
    .replace(/(\d)\.(\d)/g, "$1-$2");
