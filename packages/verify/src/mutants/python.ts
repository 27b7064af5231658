import { lineCounter } from "../tamper/source.ts";
import { bestOf, type FoundFunction, type FunctionReader, ownText } from "./mutant.ts";
import { pythonBodyEdits } from "./python-bodies.ts";
import { type LogicalLine, logicalLines, outerPart } from "./python-lines.ts";
import { arithmeticIn, negationIn } from "./python-signs.ts";

const DEF = /^(?:async[ \t]{1,20})?def[ \t]{1,20}(\w{1,300})/;

/** A function by its lines; those of its body are at least as far in as the first. */
type Def = {
  name: string;
  header: LogicalLine;
  /** what stands on its header's line behind the colon, where that is its body */
  inline: LogicalLine | undefined;
  body: LogicalLine[];
  end: number;
};

/** The functions of a file, found by their indentation, in the order in which they begin. */
export const readPython: FunctionReader = (_path, text) => {
  const lines = logicalLines(text);
  const defs = lines.flatMap((_, at) => defAt(lines, at));
  const lineOf = lineCounter(text);
  return defs.map((def, at) => {
    const inner = innerOf(defs, at);
    const own = def.body.filter(
      ({ from }) => !inner.some((one) => from >= one.from && from < one.to),
    );
    // another condition or sum may mean a loop without an end
    const signed = own.some(({ code }) => /^while\b/.test(code)) ? [] : own;
    return {
      name: def.name,
      line: lineOf(def.header.from),
      own: ownText(text, { from: def.header.from, to: def.end }, inner),
      edits: [
        ...pythonBodyEdits({ ...def, own, text }),
        ...bestOf(signed.flatMap((line) => negationIn(line, text, lineOf))),
        ...bestOf(signed.flatMap((line) => arithmeticIn(line, lineOf))),
      ],
    } satisfies FoundFunction;
  });
};

const defAt = (lines: readonly LogicalLine[], at: number): Def[] => {
  const header = lines[at];
  const name = DEF.exec(header?.code ?? "")?.[1];
  if (header === undefined || name === undefined) return [];
  const colon = outerPart(header.code).indexOf(":");
  if (colon < 0) return [];
  const rest = header.code.slice(colon + 1).trimStart();
  if (rest !== "") {
    const from = header.from + header.indent.length + header.code.length - rest.length;
    const inline = { ...header, from, indent: "", code: rest };
    return [{ name, header, inline, body: [inline], end: header.to }];
  }
  const inside = lines[at + 1]?.indent ?? "";
  if (inside === header.indent || !inside.startsWith(header.indent)) return [];
  let last = at + 1;
  while (lines[last + 1]?.indent.startsWith(inside)) last++;
  const body = lines.slice(at + 1, last + 1);
  return [{ name, header, inline: undefined, body, end: body.at(-1)?.to ?? header.to }];
};

/** The functions that begin right in this one. */
const innerOf = (defs: readonly Def[], at: number): { from: number; to: number }[] => {
  const end = defs[at]?.end ?? 0;
  const inner: { from: number; to: number }[] = [];
  for (let next = at + 1; (defs[next]?.header.from ?? end) < end; next++) {
    const one = defs[next];
    if (one !== undefined && one.header.from >= (inner.at(-1)?.to ?? 0))
      inner.push({ from: one.header.from, to: one.end });
  }
  return inner;
};
