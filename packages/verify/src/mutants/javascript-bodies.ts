import { badConstant, type Edit, type Returned, type ValueSort } from "./mutant.ts";
import { type Node, nodeIn, nodesIn } from "./syntax-tree.ts";

const CONSTANTS = {
  boolean: ["true", "false"],
  number: ["0", "1"],
  string: ['""', '"mutant"'],
  list: ["[]", "null"],
  other: ["null", "undefined"],
} as const;

const SORTS: Readonly<Record<string, ValueSort>> = {
  BooleanLiteral: "boolean",
  NumericLiteral: "number",
  UpdateExpression: "number",
  StringLiteral: "string",
  TemplateLiteral: "string",
  ArrayExpression: "list",
  ObjectExpression: "other",
  NewExpression: "other",
  JSXElement: "other",
  JSXFragment: "other",
  TSBooleanKeyword: "boolean",
  TSTypePredicate: "boolean",
  TSNumberKeyword: "number",
  TSStringKeyword: "string",
  TSArrayType: "list",
  TSTypeLiteral: "other",
};

/** Which field of an expression has its value's sort. */
const SAME_AS: Readonly<Record<string, string>> = {
  ParenthesizedExpression: "expression",
  TSAsExpression: "expression",
  TSSatisfiesExpression: "expression",
  TSNonNullExpression: "expression",
  AwaitExpression: "argument",
  LogicalExpression: "right",
  ConditionalExpression: "consequent",
  SequenceExpression: "expressions",
};

const BOOLEAN_SIGNS = /^(?:[<>]=?|[=!]==?|in|instanceof|!|delete)$/;
const NUMBER_SIGNS = /^(?:[-*/%&|^~]|\*\*|<<|>>>?)$/;

const sortOf = (node: Node | undefined): ValueSort | undefined => {
  if (node === undefined) return undefined;
  const same = SAME_AS[node.type];
  if (same !== undefined) return sortOf(nodesIn(node, same).at(-1));
  if (node.type !== "BinaryExpression" && node.type !== "UnaryExpression") return SORTS[node.type];
  const sign = String(node.operator);
  if (BOOLEAN_SIGNS.test(sign)) return "boolean";
  if (NUMBER_SIGNS.test(sign)) return "number";
  return sign === "+" ? (sortOf(nodeIn(node, "left")) ?? sortOf(nodeIn(node, "right"))) : undefined;
};

/** The type a function says it returns, without the promise around it. */
const declaredType = (node: Node): Node | undefined => {
  const annotation = nodeIn(node, "returnType");
  const type = annotation && nodeIn(annotation, "typeAnnotation");
  const args = type && nodeIn(type, "typeArguments");
  const name = type && nodeIn(type, "typeName");
  return args !== undefined && name?.name === "Promise" ? nodesIn(args, "params")[0] : type;
};

/** `if (1)` keeps what follows reachable, and all names in use, to a type checker. */
const first = (statement: string): string => `if (1) ${statement};`;

/**
 * A function that returns a constant or nothing at once, and one that throws. What it did stays behind that, so that
 * generators stay generators. In TypeScript a constant is `never`, which every type has room for.
 */
export const bodyEdits = (
  node: Node,
  returns: readonly Node[],
  { text, typed }: { text: string; typed: boolean },
): Edit[] => {
  const body = nodeIn(node, "body");
  if (body === undefined) return [];
  const block = body.type === "BlockStatement";
  const statements = nodesIn(body, "body");
  if (block && statements.length === 0) return [];
  const at = nodesIn(body, "directives").at(-1)?.end ?? body.start + 1;
  const edit = (kind: Edit["kind"], what: string, statement: string): Edit => {
    if (block) return { kind, what, from: at, to: at, text: `; ${first(statement)}` };
    const whole = text.slice(body.start, body.end);
    const replaced = `{ ${first(statement)} return ${whole}; }`;
    return { kind, what, from: body.start, to: body.end, text: replaced };
  };

  const edits: Edit[] = [];
  const values = node.generator === true ? [] : block ? returns : [body];
  const declared = declaredType(node);
  const silent = values.length === 0 || declared?.type === "TSVoidKeyword";
  if (node.kind !== "constructor") {
    const constant = silent ? "undefined" : constantFor(values, declared, text);
    // a setter returns no value, not even this one
    const bare = node.kind === "set" || (silent && !typed);
    const statement = bare ? "return" : `return ${constant}${typed ? " as never" : ""}`;
    edits.push(
      silent
        ? edit("empty", "does nothing", statement)
        : edit("constant", `returns ${constant}`, statement),
    );
  }
  if (statements[0]?.type !== "ThrowStatement")
    edits.push(edit("throws", "throws an error", 'throw new Error("mutant")'));
  return edits;
};

const constantFor = (values: readonly Node[], declared: Node | undefined, text: string): string => {
  const returned: Returned[] = values.map((node) => ({
    text: text.slice(node.start, node.end),
    sort: sortOf(node),
  }));
  const sort = sortOf(declared);
  if (sort !== undefined) returned.push({ text: "", sort });
  return badConstant(returned, CONSTANTS);
};
