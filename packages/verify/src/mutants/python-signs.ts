import { ARITHMETIC, arithmeticRank, type RankedEdit } from "./mutant.ts";
import { type LogicalLine, outerPart } from "./python-lines.ts";

type LineOf = (index: number) => number;

const COMPARES = /[=!]=|[<>]/;
const TELLS = /\bNone\b|\bisinstance\b/;

/** What an `if` asks, or a comparison that is returned, the other way round. */
export const negationIn = (
  { from, indent, code }: LogicalLine,
  text: string,
  lineOf: LineOf,
): RankedEdit[] => {
  const outer = outerPart(code);
  const [asks, returns] = [/^(?:el)?if\b/.exec(code), /^return\b/.exec(code)];
  const end = asks ? outer.indexOf(":") : (outer.split(";", 1)[0] ?? "").trimEnd().length;
  const begins = (asks ?? returns)?.[0].length;
  // what ends where its colon cannot be told is left alone
  if (begins === undefined || end < 0 || outer[end + 1] === "=" || /\blambda\b/.test(outer))
    return [];
  if (returns && !COMPARES.test(outer.slice(0, end))) return [];
  const start = from + indent.length;
  const asked = text.slice(start + begins, start + end).trim();
  const what = `has a condition of line ${lineOf(start)} the other way round`;
  const place = { from: start + begins, to: start + end };
  const rank = COMPARES.test(code.slice(0, end)) ? 0 : TELLS.test(code) ? 2 : 1;
  return [{ rank, edit: { kind: "negated", what, ...place, text: ` not (${asked})` } }];
};

const SIGN = /(?<=[\w)\]] )(?:\/\/|[-+*/%])(?= (?![rbfuRBFU]{1,2}["'])[\w(])/g;
const KEYWORD_BEFORE =
  /\b(?:and|assert|await|case|elif|else|from|if|import|in|is|not|or|return|while|yield) $/;
/** Where signs mean something else. */
const OTHER_LINES = /^(?:case|class|def|async|except|from|import|@)/;

/** A sign of arithmetic, with spaces around it as formatters have it, for another. */
export const arithmeticIn = ({ from, indent, code }: LogicalLine, lineOf: LineOf): RankedEdit[] =>
  OTHER_LINES.test(code)
    ? []
    : [...code.matchAll(SIGN)].flatMap((match) => {
        const [sign] = match;
        const other = ARITHMETIC.get(sign);
        if (other === undefined || KEYWORD_BEFORE.test(code.slice(0, match.index).slice(-12)))
          return [];
        const at = from + indent.length + match.index;
        const what = `has ${other} for ${sign} in line ${lineOf(at)}`;
        const edit = {
          kind: "arithmetic",
          what,
          from: at,
          to: at + sign.length,
          text: other,
        } as const;
        return [{ rank: arithmeticRank(sign), edit }];
      });
