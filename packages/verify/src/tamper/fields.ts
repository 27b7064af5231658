import { parse as parseToml } from "smol-toml";
import { readSource } from "./source.ts";

/** A leaf of a configuration: text, number, switch, or a list of them as JSON texts. */
export type Leaf = string | number | boolean | null | readonly string[];
export type Fields = ReadonlyMap<string, Leaf>;

const MAX_DEPTH = 12;
const MAX_FIELDS = 20_000;

const flatten = (value: unknown): Fields => {
  const fields = new Map<string, Leaf>();
  const visit = (at: unknown, path: string, depth: number): void => {
    if (fields.size >= MAX_FIELDS) return;
    if (Array.isArray(at))
      fields.set(
        path,
        at.map((item) => JSON.stringify(item) ?? "null"),
      );
    else if (typeof at === "object" && at !== null && depth < MAX_DEPTH)
      for (const [key, inner] of Object.entries(at))
        visit(inner, path === "" ? key : `${path}.${key}`, depth + 1);
    else if (typeof at === "string" || typeof at === "number" || typeof at === "boolean")
      fields.set(path, at);
    else fields.set(path, at == null ? null : String(at));
  };
  visit(value, "", 0);
  return fields;
};

const JSONC = {
  line: ["//"],
  block: [["/*", "*/"]],
  quotes: [{ open: '"', close: '"', escapes: true }],
} as const;

/** JSON with comments and commas before closers, as tsconfig and its kin are written. */
const parseJsonc = (text: string): unknown => {
  const { code, plain } = readSource(text.replace(/^\uFEFF/, ""), JSONC);
  const kept = [...code.matchAll(/,(?=\s{0,1000}[}\]])/g)].map(({ index }) => index);
  let at = 0;
  const parts = kept.map((index) => {
    const part = plain.slice(at, index);
    at = index + 1;
    return part;
  });
  return JSON.parse(parts.join(" ") + plain.slice(at));
};

/** `[section]` and `key = value`, with indented lines going on; as setup.cfg, .npmrc and .env are. */
const parseIni = (text: string): Record<string, string> => {
  const fields: Record<string, string> = Object.create(null);
  let section = "";
  let last: string | undefined;
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
    if (trimmed.startsWith("[") && trimmed.endsWith("]")) {
      section = `${trimmed.slice(1, -1).trim()}.`;
      last = undefined;
    } else if (/^\s/.test(line) && last !== undefined) fields[last] += `\n${trimmed}`;
    else {
      const end = trimmed.search(/[=:]/);
      const key = (end < 0 ? trimmed : trimmed.slice(0, end)).replace(/^export\s{1,20}/, "").trim();
      last = section + key;
      fields[last] = end < 0 ? "" : trimmed.slice(end + 1).trim();
    }
  }
  return fields;
};

const PARSERS = { json: parseJsonc, toml: parseToml, ini: parseIni };
export type Format = keyof typeof PARSERS;

/** The fields of a configuration; none where it is absent or does not parse. */
export const readFields = (format: Format, text: string | undefined): Fields => {
  if (text === undefined || text.length > 1_000_000) return new Map();
  try {
    return flatten(PARSERS[format](text));
  } catch {
    // what does not parse configures nothing; that is a removal if it did before
    return new Map();
  }
};
