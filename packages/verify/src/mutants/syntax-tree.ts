import { parse } from "@babel/parser";

/** A node of Babel's syntax tree; which further fields it has follows from its type. */
export type Node = { type: string; start: number; end: number; [field: string]: unknown };

/** Fields that hold types, which do nothing when the program runs. */
const TYPES = new Set([
  "typeAnnotation",
  "typeParameters",
  "typeArguments",
  "returnType",
  "superTypeArguments",
  "implements",
  "predicate",
]);

const isNode = (value: unknown): value is Node =>
  typeof value === "object" &&
  value !== null &&
  "type" in value &&
  typeof value.type === "string" &&
  "start" in value &&
  typeof value.start === "number" &&
  "end" in value &&
  typeof value.end === "number";

/** The nodes in a field. */
export const nodesIn = (node: Node, field: string): Node[] =>
  [node[field]].flat().filter((value) => isNode(value));

export const nodeIn = (node: Node, field: string): Node | undefined => nodesIn(node, field)[0];

/** What is in a node, in the order of the text, each with its field's name; no types. */
export const partsOf = (node: Node): { field: string; part: Node }[] =>
  Object.keys(node)
    .filter((field) => !TYPES.has(field))
    .flatMap((field) => nodesIn(node, field).map((part) => ({ field, part })))
    .sort((a, b) => a.part.start - b.part.start);

export const isTypeScript = (path: string): boolean => /\.[cm]?tsx?$/.test(path);

/** The program of a file; undefined for what is none. Deep nesting overflows the stack; some takes minutes. */
export const parseFile = (path: string, text: string): Node | undefined => {
  try {
    const file = parse(text, {
      sourceType: "unambiguous",
      plugins: [
        ...(isTypeScript(path) ? (["typescript"] as const) : []),
        ...(/\.[cm]?ts$/.test(path) ? [] : (["jsx"] as const)),
        "decorators-legacy",
        "decoratorAutoAccessors",
      ],
      allowReturnOutsideFunction: true,
      allowUndeclaredExports: true,
      attachComment: false,
      createParenthesizedExpressions: true,
    });
    return isNode(file.program) ? file.program : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};
