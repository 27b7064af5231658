// Path globs for protected paths and permits. Node's matchesGlob skips dotfiles and cannot say whether two globs
// meet, which the rule "a permit never opens a protected glob" needs. No backtracking: both sides are hostile.

/** One step of a pattern: exactly this, any single one, or any number. */
type Step<T> = { one: T } | "any" | "many";
type Segment = readonly Step<string>[];
type Pattern = readonly Step<Segment>[];

const MAX_ALTERNATIVES = 256;

/** Expands `{a,b}` innermost first, so that nesting works. */
const expand = (glob: string): string[] => {
  const done: string[] = [];
  const pending = [glob];
  for (let text = pending.pop(); text !== undefined; text = pending.pop()) {
    const braces = /\{([^{}]*)\}/.exec(text);
    if (braces === null) done.push(text);
    else {
      const head = text.slice(0, braces.index);
      const tail = text.slice(braces.index + braces[0].length);
      for (const choice of (braces[1] ?? "").split(",")) pending.push(head + choice + tail);
    }
    if (done.length + pending.length > MAX_ALTERNATIVES)
      throw new RangeError(`the glob ${glob} has more than ${MAX_ALTERNATIVES} alternatives`);
  }
  return done;
};

const segment = (text: string): Segment =>
  [...text].map((c) => (c === "*" ? "many" : c === "?" ? "any" : { one: c }));

/** A glob that names a folder also names everything in it, hence the open end. */
const parse = (glob: string): Pattern[] =>
  expand(glob).map((text) => [
    ...text
      .split("/")
      .filter((part) => part !== "")
      .map((part): Step<Segment> => (part === "**" ? "many" : { one: segment(part) })),
    "many",
  ]);

const literal = (path: string): Pattern =>
  path.split("/").map((part) => ({ one: [...part].map((c) => ({ one: c })) }));

/** Whether both patterns match some common sequence: reachability over pairs of positions. */
const meet = <T>(
  a: readonly Step<T>[],
  b: readonly Step<T>[],
  same: (x: T, y: T) => boolean,
): boolean => {
  const width = b.length + 1;
  const seen = new Set<number>();
  const todo: [number, number][] = [[0, 0]];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const [i, j] = at;
    if (i > a.length || j > b.length || seen.has(i * width + j)) continue;
    seen.add(i * width + j);
    if (i === a.length && j === b.length) return true;
    const [x, y] = [a[i], b[j]];
    if (x === "many" || y === "many") todo.push([i + 1, j], [i, j + 1]);
    else if (x !== undefined && y !== undefined)
      if (x === "any" || y === "any" || same(x.one, y.one)) todo.push([i + 1, j + 1]);
  }
  return false;
};

const patternsMeet = (a: Pattern, b: Pattern): boolean =>
  meet(a, b, (x, y) => meet(x, y, (c, d) => c === d));

/**
 * Makes a test for paths. `**` stands for any number of folders, `*` and `?` stay within one name and match
 * dots, `{a,b}` lists alternatives, `[` is an ordinary character; a folder's glob covers all that is in it.
 */
export const globMatcher = (globs: readonly string[]): ((path: string) => boolean) => {
  const patterns = globs.flatMap(parse);
  return (path) => {
    const steps = literal(path);
    return patterns.some((pattern) => patternsMeet(pattern, steps));
  };
};

/** Whether some path is matched by both globs. */
export const globsOverlap = (a: string, b: string): boolean =>
  parse(a).some((x) => parse(b).some((y) => patternsMeet(x, y)));

/** Why a text cannot be used as a glob, in words that follow it; undefined when it can. */
export const globProblem = (glob: string): string | undefined => {
  if (glob.startsWith("!")) return "excludes with `!`, which is not supported";
  if (glob.startsWith("/"))
    return "starts with `/`; paths start at the repository's root without it";
  if (glob.split("/").some((part) => part === "." || part === ".."))
    return "contains `.` or `..` as a folder";
  if (glob.replaceAll("/", "") === "") return "names nothing";
  try {
    expand(glob);
  } catch {
    return `has more than ${MAX_ALTERNATIVES} alternatives in braces`;
  }
  return undefined;
};
