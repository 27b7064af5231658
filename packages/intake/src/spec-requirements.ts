import type { Requirement } from "@headrace/domain";
import { inputError } from "./problem.ts";

const MAX_REQUIREMENTS = 300;
const NAMES = /\b(?:acceptance|requirements?|definition of done)\b/i;
const NEGATED = /\bnon-requirements?\b|\bnot\b|\bout of scope\b/i;

type Item = { indent: number; from: number; to: number; lines: string[] };

const indentOf = (line: string): number =>
  (/^[ \t]*/.exec(line)?.[0] ?? "").replaceAll("\t", "    ").length;

/** Level of an ATX heading, with its text. */
const heading = (line: string): { level: number; text: string } | undefined => {
  const match = /^ {0,3}(#{1,6})[ \t]+(\S.*)$/.exec(line);
  return match === null ? undefined : { level: match[1]?.length ?? 1, text: match[2] ?? "" };
};

const itemText = (line: string): string | undefined =>
  /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(\S.*)$/.exec(line)?.[1];

/** Turns fences on and off: what stands inside one is neither heading nor item. */
const fenceAfter = (line: string, open: string | undefined): string | undefined => {
  const mark = /^[ \t]*(`{3,}|~{3,})/.exec(line)?.[1];
  if (mark === undefined) return open;
  if (open === undefined) return mark;
  return mark.startsWith(open) && line.trim() === mark ? undefined : open;
};

/** List items of the named sections; nested items and continuation lines belong to their parent. */
const collect = (lines: readonly string[], firstLine: number): Item[] => {
  const items: Item[] = [];
  let section: number | undefined;
  let item: Item | undefined;
  let fence: string | undefined;
  let blank = false;
  const extend = (line: string, number: number): void => {
    if (item === undefined) return;
    item.lines.push(line.trim());
    item.to = number;
  };
  for (const [index, line] of lines.entries()) {
    const number = index + firstLine;
    const inside = fence !== undefined;
    fence = fenceAfter(line, fence);
    const title = inside ? undefined : heading(line);
    if (title !== undefined) {
      if (section === undefined || title.level <= section)
        section = NAMES.test(title.text) && !NEGATED.test(title.text) ? title.level : undefined;
      item = undefined;
    } else if (section === undefined) continue;
    else if (line.trim() === "") {
      blank = true;
      continue;
    } else {
      const text = inside ? undefined : itemText(line);
      const nested = item !== undefined && indentOf(line) > item.indent + 1;
      if (text !== undefined && !nested) {
        item = { indent: indentOf(line), from: number, to: number, lines: [text] };
        items.push(item);
      } else if (nested || inside || !blank) extend(line, number);
      else item = undefined;
    }
    blank = false;
  }
  return items;
};

/**
 * Each list item or checkbox under a heading that names acceptance, requirements or definition of done, in order,
 * as r1 to rn with its lines in the file. A heading below such a heading stays in its section.
 */
export const listedRequirements = (
  file: string,
  lines: readonly string[],
  firstLine: number,
): Requirement[] => {
  const items = collect(lines, firstLine);
  const extra = items[MAX_REQUIREMENTS];
  if (extra !== undefined)
    throw inputError({
      file,
      line: extra.from,
      problem: `lists ${items.length} requirements, at most ${MAX_REQUIREMENTS} can be used`,
      remedy: "Split the spec and run the parts one after another.",
    });
  return items.map((item, index) => {
    const text = item.lines.join("\n");
    if (text.length > 4000)
      throw inputError({
        file,
        line: item.from,
        problem: `this requirement has ${text.length} characters, at most 4000 can be used`,
        remedy: "Split it into list items that can be checked one by one.",
      });
    return {
      id: `r${index + 1}`,
      text,
      span: { from: item.from, to: item.to },
      source: "listed",
    };
  });
};
