import type { Language } from "./languages.ts";

/** A test that stands in the text and that no runner comes to. */
export type DeadTest = {
  /** where its declaration begins */
  index: number;
  /** words that follow the place */
  what: string;
  /** false: something may run it after all */
  sure: boolean;
};

type Block = { name: string; start: number; end: number; exported: boolean };

/** More blocks that nothing calls are no test file that people write. */
const MOST_BLOCKS = 500;

const NEAR = 20;

const CLOSER: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Where each bracket closes. */
const pairsOf = (code: string): ReadonlyMap<number, number> => {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < code.length; at++) {
    const c = code[at] ?? "";
    if (c in CLOSER) open.push(at);
    else if (c === ")" || c === "]" || c === "}") {
      // a closer of something else leaves a few open, and what does not fit at all is nobody's
      const near = open.slice(-NEAR).findLastIndex((index) => CLOSER[code[index] ?? ""] === c);
      if (near < 0) continue;
      open.length = Math.max(0, open.length - NEAR) + near + 1;
      pairs.set(open.pop() ?? 0, at);
    }
  }
  return pairs;
};

/** Names that functions get where they are declared, up to the bracket of what they take. */
const HEAD =
  /(?<![\w$.])(?:function\s{0,8}\*?\s{0,8}([\w$]{1,100})\s{0,8}\(|(?:const|let|var)\s{1,8}([\w$]{1,100})\s{0,8}(?::[^\n;{]{0,200}?)?=(?![=>])\s{0,8}(?:async\s{0,8})?(?:(?:function\b[^(\n]{0,100})?\(|[\w$]{1,100}(?=\s{0,8}=>))|(?<=[{};,\n]\s{0,40})(?!(?:if|for|while|switch|catch|with|function)\b)([\w$]{1,100})\s{0,8}\()/g;

/** What follows what a function takes, up to its body. */
const TO_BODY = /^(?:\s{0,8}:[^={}\n]{0,200})?\s{0,8}(=>)?\s{0,200}(\{)?/;

/** Where an expression ends that has no braces around it. */
const expressionEnd = (code: string, from: number, pairs: ReadonlyMap<number, number>): number => {
  let at = from;
  for (let steps = 0; steps < 2000 && at < code.length; steps++) {
    const c = code[at] ?? "";
    if (c === ";" || c === ")" || c === "]" || c === "}") return at;
    at = (pairs.get(at) ?? at) + 1;
  }
  return at;
};

const EXPRESSION = /[,(=:[?&|!]\s{0,200}(?:async\s{0,8})?$|\b(?:return|new|yield)\s{1,8}$/;

/** Functions with a name, from the name to the end of the body; those that are part of an expression are used by it. */
const functionsIn = (code: string): Block[] => {
  const pairs = pairsOf(code);
  return [...code.matchAll(HEAD)].flatMap((head): Block[] => {
    const [all, declared, assigned, method] = head;
    const before = code.slice(Math.max(0, head.index - 220), head.index);
    if (declared !== undefined && EXPRESSION.test(before)) return [];
    const last = head.index + all.length - 1;
    const taken = all.endsWith("(") ? pairs.get(last) : last;
    if (taken === undefined) return [];
    const [way = "", arrow, brace] = TO_BODY.exec(code.slice(taken + 1, taken + 420)) ?? [];
    if (brace === undefined && (arrow === undefined || assigned === undefined)) return [];
    if (arrow !== undefined && assigned === undefined) return [];
    const body = taken + 1 + way.length;
    const end =
      brace === undefined ? expressionEnd(code, body, pairs) : (pairs.get(body - 1) ?? code.length);
    const name = declared ?? assigned ?? method ?? "";
    const exported = /\bexport\s{1,8}(?:default\s{1,8})?(?:async\s{1,8})?$/.test(before);
    return [{ name, start: head.index, end, exported }];
  });
};

/** First and last place of each name. */
const placesOf = (code: string, names: ReadonlySet<string>) => {
  const places = new Map<string, { first: number; last: number }>();
  for (const { 0: name, index } of code.matchAll(/[\w$]+/g)) {
    if (!names.has(name)) continue;
    const known = places.get(name);
    if (known === undefined) places.set(name, { first: index, last: index });
    else known.last = index;
  }
  return places;
};

/** Blocks whose name stands nowhere but in themselves. */
const unused = (code: string, blocks: readonly Block[]): Block[] => {
  const places = placesOf(code, new Set(blocks.map(({ name }) => name)));
  return blocks.filter(({ name, start, end }) => {
    const { first = start, last = start } = places.get(name) ?? {};
    return first >= start && last < end;
  });
};

const inFunctions = (code: string, tests: readonly number[]): DeadTest[] => {
  const dead = unused(code, functionsIn(code)).slice(0, MOST_BLOCKS);
  return tests.flatMap((index): DeadTest[] => {
    const block = dead.find(({ start, end }) => start < index && index < end);
    if (block === undefined) return [];
    const what = `has a test in \`${block.name}\`, which nothing here calls`;
    return [{ index, what, sure: !block.exported }];
  });
};

type Open = { indent: number; kind: string; name: string; based: boolean; start: number };

const STATEMENT =
  /^([ \t]*)(?:(?:async[ \t]{1,8})?(def|class)[ \t]{1,8}(\w{1,200})[ \t]{0,8}(\(?)|(\w+|@))/;

type Declared = Open & { within: readonly Open[] };

/** Functions and classes of a language that nests by indentation, each with what it stands in, and where it ends. */
const declarationsIn = (code: string) => {
  const declared: Declared[] = [];
  const ends = new Map<Open, number>();
  let open: Open[] = [];
  let start = 0;
  for (const line of code.split("\n")) {
    const [, space = "", kind, name = "", bracket, other] = STATEMENT.exec(line) ?? [];
    if (kind !== undefined || other !== undefined) {
      const indent = space.replaceAll("\t", "        ").length;
      for (const left of open.filter((one) => one.indent >= indent)) ends.set(left, start);
      open = open.filter((one) => one.indent < indent);
      // conditions and loops count as well: what stands in another branch is not in the same place
      const block = { indent, kind: kind ?? "", name, based: bracket === "(", start, within: open };
      if (kind !== undefined) declared.push(block);
      open = [...open.slice(-NEAR), block];
    }
    start += line.length + 1;
  }
  return { declared, endOf: (block: Open) => ends.get(block) ?? code.length };
};

const byIndents = (code: string, tests: readonly number[]): DeadTest[] => {
  const { declared, endOf } = declarationsIn(code);
  const starts = new Set(tests);
  const found = declared.filter(({ kind, start }) => kind === "def" && starts.has(start));
  const outer = new Set(found.flatMap(({ within }) => within.filter(({ kind }) => kind !== "")));
  const blocks = [...outer].map((one) => ({ ...one, end: endOf(one), exported: false }));
  const alone = new Set(unused(code, blocks).map(({ start }) => start));
  const last = new Map(found.map((one) => [placeOf(one), one.start]));
  return found.flatMap((test): DeadTest[] => {
    const { start: index, name, within } = test;
    const buried = within.find(({ kind }) => kind === "def");
    if (buried !== undefined) {
      const what = `has the test \`${name}\` within the function \`${buried.name}\`, where it is not collected`;
      return [{ index, what, sure: alone.has(buried.start) }];
    }
    if (last.get(placeOf(test)) !== index)
      return [
        { index, what: `has the test \`${name}\` twice, and only the last runs`, sure: true },
      ];
    const home = within.findLast(({ kind }) => kind === "class");
    if (home === undefined || home.based || home.name.includes("Test")) return [];
    if (!alone.has(home.start)) return [];
    const what = `has the test \`${name}\` in the class \`${home.name}\`, which is not named as one of tests`;
    return [{ index, what, sure: false }];
  });
};

/** Two of one name in one place are one. */
const placeOf = ({ name, within }: Declared): string => `${within.at(-1)?.start ?? ""} ${name}`;

/** Tests that are declared in `code`, whose comments and strings are blanks, and that cannot be reached. */
export const deadTests = (code: string, { tests, nesting }: Language): DeadTest[] => {
  if (nesting === undefined) return [];
  const declared = [...code.matchAll(tests)].map(({ index }) => index);
  return nesting === "braces" ? inFunctions(code, declared) : byIndents(code, declared);
};
