/** A rule of a Makefile or a recipe of a justfile. */
type Rule = { targets: readonly string[]; needs: readonly string[]; head: string; recipe: string };

export type MakeRules = {
  rules: readonly Rule[];
  /** variables, includes, conditions: what is no rule */
  rest: readonly string[];
};

/** Reads rules by their form alone: a head at the margin, indented lines under it. */
export const parseRules = (text: string): MakeRules => {
  const rules: (Rule & { lines: string[] })[] = [];
  const rest: string[] = [];
  let open: { lines: string[] } | undefined;
  for (const line of text.replaceAll("\\\n", " ").split("\n")) {
    if (line.trim() === "" || /^\s{0,200}#/.test(line)) continue;
    if (/^\s/.test(line) && open !== undefined) {
      open.lines.push(line.trim());
      continue;
    }
    open = undefined;
    const colon = line.indexOf(":");
    const isRule = colon > 0 && line[colon + 1] !== "=" && !line.slice(0, colon).includes("=");
    if (!isRule) {
      rest.push(line.trim());
      continue;
    }
    const [head = "", tail = ""] = [line.slice(0, colon), line.slice(colon + 1).replace(/^:/, "")];
    const [needs = "", inline = ""] = tail.split(/;(.*)/s);
    const names = head.split(/\s+/).filter(Boolean);
    const rule = { targets: names, needs: needs.split(/\s+/).filter(Boolean), head: line.trim() };
    const lines = inline === "" ? [] : [inline];
    rules.push({ ...rule, lines, recipe: "" });
    open = { lines };
  }
  return {
    rules: rules.map(({ lines, ...rule }) => ({ ...rule, recipe: lines.join("\n") })),
    rest,
  };
};

/** The rules that making `words` runs; without a word that is a target, the first rule's. */
export const reachedRules = ({ rules }: MakeRules, words: readonly string[]): Rule[] => {
  const real = rules.filter((rule) => !rule.targets[0]?.startsWith("."));
  const named = real.filter((rule) => rule.targets.some((target) => words.includes(target)));
  const todo = named.length > 0 ? named : real.slice(0, 1);
  const reached = new Set<Rule>();
  for (let rule = todo.pop(); rule !== undefined; rule = todo.pop()) {
    if (reached.has(rule)) continue;
    reached.add(rule);
    const { needs, targets } = rule;
    todo.push(
      ...real.filter((r) => r.targets.some((t) => needs.includes(t) || targets.includes(t))),
    );
  }
  return [...reached];
};
