import { lineCounter } from "../tamper/source.ts";
import { bodyEdits } from "./javascript-bodies.ts";
import { arithmeticOf, type JavaScriptFile, negationOf } from "./javascript-signs.ts";
import {
  bestOf,
  type FoundFunction,
  type FunctionReader,
  ownText,
  type RankedEdit,
} from "./mutant.ts";
import { isTypeScript, type Node, nodeIn, nodesIn, parseFile, partsOf } from "./syntax-tree.ts";

const FUNCTIONS = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "ObjectMethod",
  "ClassMethod",
  "ClassPrivateMethod",
]);

/** In which field of what a function stands that takes its name from there, and where that name is. */
const NAMED: ReadonlyMap<string, { field: string; name: string }> = new Map([
  ["VariableDeclarator", { field: "init", name: "id" }],
  ["AssignmentExpression", { field: "right", name: "left" }],
  ["ObjectProperty", { field: "value", name: "key" }],
  ["ClassProperty", { field: "value", name: "key" }],
  ["ClassPrivateProperty", { field: "value", name: "key" }],
]);

/** Where another outcome means a loop without an end. */
const LOOP_PARTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["ForStatement", new Set(["init", "test", "update"])],
  ["WhileStatement", new Set(["test", "body"])],
  ["DoWhileStatement", new Set(["test", "body"])],
]);

/** A function with what is its own: not what is in functions that have names themselves. */
type Scope = {
  name: string;
  node: Node;
  inner: { from: number; to: number }[];
  /** arguments of its return statements */
  returned: Node[];
  negations: RankedEdit[];
  arithmetic: RankedEdit[];
};

/** Where the walk is: in whose text, in a function without a name there, in a part of a loop. */
type Place = { scope: Scope | undefined; callback: boolean; loop: boolean };

/** The functions of a file, in the order in which they begin. */
export const readJavaScript: FunctionReader = (path, text) => {
  const program = parseFile(path, text);
  if (program === undefined) return [];
  const scopes: Scope[] = [];
  const file = { text, lineOf: lineCounter(text), typed: isTypeScript(path) };

  const openScope = (node: Node, name: string, around: Scope | undefined): Scope => {
    around?.inner.push({ from: node.start, to: node.end });
    const scope = { name, node, inner: [], returned: [], negations: [], arithmetic: [] };
    scopes.push(scope);
    return scope;
  };

  const gather = (node: Node, { scope, callback, loop }: Place) => {
    if (scope === undefined) return;
    if (node.type === "ReturnStatement" && !callback)
      scope.returned.push(...nodesIn(node, "argument"));
    if (loop) return;
    scope.negations.push(...negationOf(node, file));
    scope.arithmetic.push(...arithmeticOf(node, file));
  };

  const walk = (node: Node, name: string | undefined, place: Place) => {
    const isFunction = FUNCTIONS.has(node.type);
    const own = isFunction && (name !== undefined || place.scope === undefined);
    const here: Place = own
      ? { scope: openScope(node, name ?? "(anonymous)", place.scope), callback: false, loop: false }
      : { ...place, callback: place.callback || isFunction };
    gather(node, here);
    for (const { field, part } of partsOf(node)) {
      const loop = here.loop || (LOOP_PARTS.get(node.type)?.has(field) ?? false);
      walk(part, nameOf(node, field, part, text), { ...here, loop });
    }
  };

  walk(program, undefined, { scope: undefined, callback: false, loop: false });
  return scopes.map((scope) => found(scope, file));
};

const nameOf = (around: Node, field: string, node: Node, text: string): string | undefined => {
  if (!FUNCTIONS.has(node.type)) return undefined;
  const named = NAMED.get(around.type);
  const at =
    nodeIn(node, "id") ??
    nodeIn(node, "key") ??
    (named?.field === field ? nodeIn(around, named.name) : undefined);
  if (at === undefined) return undefined;
  // the place of an identifier has its type in it
  return typeof at.name === "string" ? at.name : text.slice(at.start, at.end);
};

const found = (
  { name, node, inner, returned, negations, arithmetic }: Scope,
  file: JavaScriptFile,
): FoundFunction => ({
  name,
  line: file.lineOf(node.start),
  own: ownText(file.text, { from: node.start, to: node.end }, inner),
  edits: [...bodyEdits(node, returned, file), ...bestOf(negations), ...bestOf(arithmetic)],
});
