import { ARITHMETIC, arithmeticRank, type Edit, type RankedEdit } from "./mutant.ts";
import { type Node, nodeIn } from "./syntax-tree.ts";

export type JavaScriptFile = { text: string; lineOf: (index: number) => number; typed: boolean };

const COMPARISONS = new Set(["<", ">", "<=", ">=", "===", "!==", "==", "!="]);
const TESTED = new Set(["IfStatement", "ConditionalExpression"]);

/** What values are compared with to tell their types apart. */
const TELLS_TYPES = new Set(["NullLiteral", "StringLiteral", "UnaryExpression"]);
const tellsTypes = (node: Node | undefined): boolean =>
  node !== undefined && (TELLS_TYPES.has(node.type) || node.name === "undefined");

/** A condition the other way round, but in TypeScript none that may tell types apart: its checker would see that. */
export const negationOf = (node: Node, { text, lineOf, typed }: JavaScriptFile): RankedEdit[] => {
  const compares = node.type === "BinaryExpression" && COMPARISONS.has(String(node.operator));
  const asked = compares ? node : TESTED.has(node.type) ? nodeIn(node, "test") : undefined;
  if (asked === undefined) return [];
  const equality = compares && String(node.operator).includes("==");
  const telling = equality && ["left", "right"].some((side) => tellsTypes(nodeIn(node, side)));
  if (typed && (telling || !compares)) return [];
  const { start: from, end: to } = asked;
  const what = `has a condition of line ${lineOf(from)} the other way round`;
  const edit: Edit = { kind: "negated", what, from, to, text: `!(${text.slice(from, to)})` };
  return [{ rank: telling ? 3 : compares ? (equality ? 1 : 0) : 2, edit }];
};

const isNumber = (node: Node): boolean =>
  node.type === "NumericLiteral" ||
  nodeIn(node, "property")?.name === "length" ||
  (node.type === "BinaryExpression" && /^[-*/%]$/.test(String(node.operator)));

/** A sign of arithmetic, and of arithmetic in an assignment, for another. */
export const arithmeticOf = (node: Node, { text, lineOf }: JavaScriptFile): RankedEdit[] => {
  const sign = String(node.operator);
  const other = ARITHMETIC.get(sign);
  const [left, right] = [nodeIn(node, "left"), nodeIn(node, "right")];
  if (other === undefined || left === undefined || right === undefined) return [];
  // it joins strings, too
  if (sign.startsWith("+") && !isNumber(left) && !isNumber(right)) return [];
  const between = text.slice(left.end, right.start);
  // a comment stands there too, and may hold the sign
  if (between.trim() !== sign) return [];
  const from = left.end + between.indexOf(sign);
  const what = `has ${other} for ${sign} in line ${lineOf(from)}`;
  const edit: Edit = { kind: "arithmetic", what, from, to: from + sign.length, text: other };
  return [{ rank: arithmeticRank(sign), edit }];
};
