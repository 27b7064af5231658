import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { inputError, nearest } from "./problem.ts";

/** What the fields of a file may be, and the words for what is wrong with them. */
export type FieldTable<T> = {
  schema: z.ZodType<T>;
  /** every top-level field with an example of its right form, and fields in it (`sandbox.disk`) that have their own */
  examples: Readonly<Record<string, string>>;
  /** fields (`gates.canary`) that are planned but not built, with what to do instead */
  unsupported: Readonly<Record<string, string>>;
};

/** YAML inside a file; `firstLine` is the line of the file on which `text` starts. */
export type YamlSource = { file: string; text: string; firstLine: number };

type Path = readonly PropertyKey[];
type Finding = { path: Path; problem: string; remedy: string };

/** `gates[1].run` */
const nameOf = (path: Path): string =>
  path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i ? "." : ""}${String(part)}`))
    .join("");

/** Where the field, or the innermost part of its path that was written, begins. */
const offsetOf = (doc: Document, path: Path): number => {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length > 1 ? doc.getIn(path.slice(0, length - 1), true) : doc.contents;
    const key = path[length - 1];
    const pair = isMap(parent)
      ? parent.items.find((item) => isScalar(item.key) && item.key.value === key)
      : undefined;
    const node = pair?.key ?? doc.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
};

type JsonSchema = z.core.JSONSchema.BaseSchema;
/** The schema at a place of another; `true` and `false` name no fields. */
const schemas = (at: JsonSchema["items"] | JsonSchema["additionalProperties"]): JsonSchema[] =>
  typeof at === "object" && !Array.isArray(at) ? [at] : [];

/** What may stand one level further down: a field by its name, an entry of a list or of a map, in any of its shapes. */
const below = (schema: JsonSchema, part: PropertyKey): JsonSchema[] =>
  shapesOf(schema).flatMap(({ items, properties, additionalProperties }) =>
    schemas(
      typeof part === "number" ? items : (properties?.[String(part)] ?? additionalProperties),
    ),
  );
const shapesOf = (schema: JsonSchema): JsonSchema[] => [
  schema,
  ...(schema.anyOf ?? []).flatMap((shape) => schemas(shape).flatMap(shapesOf)),
];

/** Names that may stand where an unknown one does, read off the schema. */
const knownAt = (schema: z.ZodType, path: Path): string[] => {
  const root: JsonSchema[] = [z.toJSONSchema(schema, { io: "input" })];
  const found = path.reduce<JsonSchema[]>(
    (at, part) => at.flatMap((one) => below(one, part)),
    root,
  );
  return found.flatMap(shapesOf).flatMap(({ properties }) => Object.keys(properties ?? {}));
};

const unknownField = (path: Path, key: string, table: FieldTable<unknown>): Finding => {
  const here = [...path, key];
  const dotted = here.filter((part) => typeof part === "string").join(".");
  if (Object.hasOwn(table.unsupported, dotted))
    return {
      path: here,
      problem: "is not supported by this version",
      remedy: table.unsupported[dotted] ?? "",
    };
  const known = knownAt(table.schema, path);
  const meant = nearest(key, known);
  return {
    path: here,
    problem: "is not a known field",
    remedy: meant === undefined ? `Known fields: ${known.join(", ")}.` : `Did you mean ${meant}?`,
  };
};

/** The example of the innermost field around this one that has one. */
const exampleOf = (path: Path, { examples }: FieldTable<unknown>): string | undefined => {
  const names = path.filter((part) => typeof part === "string");
  for (let length = names.length; length > 0; length -= 1) {
    const dotted = names.slice(0, length).join(".");
    if (Object.hasOwn(examples, dotted)) return examples[dotted];
  }
  return undefined;
};

/** A value as it stands in the file, without the user and password of an address. */
const shownOf = (value: unknown): string => {
  if (value === undefined) return "nothing";
  const shown = textOf(value).replaceAll(/\/\/[^\s"]*@/g, "//***@");
  return shown.length > 80 ? `${shown.slice(0, 80)}...` : shown;
};

/** An anchor may stand for what it lies in. */
const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value);
  } catch {
    return "something that holds itself";
  }
};

/** Of a value that may have several shapes, what is wrong with the one that was meant; of a map's key, the key's own. */
const unfolded = (issue: z.core.$ZodIssue): z.core.$ZodIssue[] => {
  if (issue.code === "invalid_key") {
    const message = issue.issues[0]?.message ?? issue.message;
    return [{ ...issue, message }];
  }
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.find((shape) =>
    shape.every(({ code, path }) => code !== "invalid_type" || path.length > 0),
  );
  if (meant === undefined) return [issue];
  return meant.map((one) => ({ ...one, path: [...issue.path, ...one.path] })).flatMap(unfolded);
};

/** What zod objects to: what was expected, what stands there, and how it is written. */
const explain = (issue: z.core.$ZodIssue, value: unknown, table: FieldTable<unknown>): Finding => {
  if (issue.code === "unrecognized_keys")
    return unknownField(issue.path, issue.keys[0] ?? "", table);
  const got =
    issue.code === "invalid_key"
      ? issue.path.at(-1)
      : issue.path.reduce<unknown>(
          // what is a list of one may be written without the list
          (at, key) =>
            typeof at === "string" ? at : (at as Record<PropertyKey, unknown> | undefined)?.[key],
          value,
        );
  const example = exampleOf(issue.path, table);
  const known = Object.keys(table.examples).filter((field) => !field.includes("."));
  const expected = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
  return {
    path: issue.path,
    problem: `${expected}, got ${shownOf(got)}`,
    remedy:
      example === undefined
        ? `Known fields: ${known.join(", ")}.`
        : `Write for example:\n${example.replaceAll(/^/gm, "    ")}`,
  };
};

const YAML_REMEDY = "Check the indentation, and put values with `: ` or `#` in quotes.";

/** Parses YAML and checks it against the table; throws `UserError` with file, line, field and remedy. */
export const readFields = <T>(source: YamlSource, table: FieldTable<T>): T => {
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line + source.firstLine - 1;
  const broken = (offset: number, problem: string, remedy = YAML_REMEDY) =>
    inputError({
      file: source.file,
      line: lineAt(offset),
      problem: `is not valid YAML: ${problem}`,
      remedy,
    });
  const repeated = (offset: number) => {
    const key = /^[^\s:]{1,60}/.exec(source.text.slice(offset))?.[0] ?? "";
    const remedy = `Join the two: all that stands under either belongs under one \`${key}:\`.`;
    return broken(offset, `\`${key}\` stands twice, and keys must be unique`, remedy);
  };
  const read = (): [Document, unknown] => {
    try {
      const doc = parseDocument(source.text, { lineCounter: lines, prettyErrors: false });
      const error = doc.errors[0];
      if (error?.code === "DUPLICATE_KEY") throw repeated(error.pos[0]);
      if (error !== undefined) throw broken(error.pos[0], error.message);
      return [doc, doc.toJS({ maxAliasCount: 100 }) ?? {}];
    } catch (cause) {
      if (cause instanceof ReferenceError || cause instanceof RangeError)
        throw broken(0, cause.message);
      throw cause;
    }
  };
  const [doc, value] = read();
  const parsed = table.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap(unfolded);
  // a misspelt name is also a missing one: the misspelling is what a person can mend
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  if (issue === undefined) throw parsed.error;
  const { path, problem, remedy } = explain(issue, value, table);
  throw inputError({
    file: source.file,
    line: lineAt(offsetOf(doc, path)),
    field: path.length === 0 ? undefined : nameOf(path),
    problem,
    remedy,
  });
};
