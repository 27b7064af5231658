import { badConstant, type Edit, type Returned, type ValueSort } from "./mutant.ts";
import { type LogicalLine, outerPart } from "./python-lines.ts";

const CONSTANTS = {
  boolean: ["True", "False"],
  number: ["0", "1"],
  string: ['""', '"mutant"'],
  list: ["[]", "None"],
  other: ["None", "0"],
} as const;

/** By how an expression begins, or by a sign that it holds outside of brackets; the first that is found. */
const SORTS: readonly (readonly [ValueSort, RegExp])[] = [
  ["boolean", /^(?:True|False)$|^not\b|[=!]=|[<>]| (?:in|is|not) /],
  ["string", /^[rbfuRBFU]{0,2}["']/],
  ["list", /^\[/],
  ["number", /^-?\d|[^*/] [-*/%] /],
  ["other", /^[{(]/],
];

const ANNOTATED: readonly (readonly [ValueSort, RegExp])[] = [
  ["boolean", /->[ \t]*bool\b/],
  ["number", /->[ \t]*(?:int|float)\b/],
  ["string", /->[ \t]*str\b/],
  ["list", /->[ \t]*[lL]ist\b/],
];

/** What there is to do nothing, and what only says that nothing is there yet. */
const STUB = /^(?:pass|\.\.\.|raise NotImplementedError\b.*)$/s;
const DOCSTRING = /^[rRuU]?(?:"""\s*"""|'''\s*'''|"\s*"|'\s*')$/;

const RETURN = /(?:^|[:;][ \t]*)return\b[ \t]*([^;]*)/;

/** What a line returns, if it returns something. */
const returnedIn = ({ from, indent, code }: LogicalLine, text: string): Returned[] => {
  const match = RETURN.exec(outerPart(code));
  const value = match?.[1]?.trimEnd() ?? "";
  if (match === null || value === "") return [];
  const begins = match.index + match[0].length - (match[1] ?? "").length;
  const start = from + indent.length + begins;
  const [first = value] = value.split(" if ", 1);
  const sort = SORTS.find(([, sign]) => sign.test(first))?.[0];
  return [{ text: text.slice(start, start + value.length), sort }];
};

/** A function that returns a constant or nothing at once, and one that raises. What it did stays behind that. */
export const pythonBodyEdits = ({
  header,
  inline,
  body,
  own,
  text,
}: {
  header: LogicalLine;
  inline: LogicalLine | undefined;
  body: readonly LogicalLine[];
  /** of its body, what is in no other function */
  own: readonly LogicalLine[];
  text: string;
}): Edit[] => {
  const [first] = body;
  const documented = first !== undefined && DOCSTRING.test(first.code.trim());
  const at = documented && inline === undefined ? body[1] : first;
  if (at === undefined || body.every(({ code }) => isStub(code.trim()))) return [];
  const edit = (kind: Edit["kind"], what: string, statement: string): Edit => ({
    ...{ kind, what, from: at.from, to: at.from },
    text: inline === undefined ? `${at.indent}${statement}\n` : `${statement}; `,
  });

  const returned = own.flatMap((line) => returnedIn(line, text));
  const yields = own.some(({ code }) => /\byield\b/.test(code));
  const declared = ANNOTATED.find(([, sign]) => sign.test(header.code))?.[0];
  const silent = yields || returned.length === 0 || /->[ \t]*None\b/.test(header.code);
  const known: Returned[] = declared === undefined ? [] : [{ text: "", sort: declared }];
  const constant = badConstant([...returned, ...known], CONSTANTS);
  return [
    silent
      ? edit("empty", "does nothing", "return")
      : edit("constant", `returns ${constant}`, `return ${constant}`),
    ...(at.code.startsWith("raise")
      ? []
      : [edit("throws", "raises an error", 'raise RuntimeError("mutant")')]),
  ];
};

const isStub = (code: string): boolean => STUB.test(code) || DOCSTRING.test(code);
