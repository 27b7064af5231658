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
  const making = Map.groupBy(
    real.flatMap((rule) => rule.targets.map((target) => ({ target, rule }))),
    ({ target }) => target,
  );
  const asked = words.filter((word) => making.has(word));
  const todo = asked.length > 0 ? asked : [...(real[0]?.targets ?? [])];
  const made = new Set<string>();
  const reached = new Set<Rule>();
  for (let target = todo.pop(); target !== undefined; target = todo.pop()) {
    if (made.has(target)) continue;
    made.add(target);
    for (const { rule } of making.get(target) ?? []) {
      if (reached.has(rule)) continue;
      reached.add(rule);
      for (const next of [...rule.needs, ...rule.targets]) todo.push(next);
    }
  }
  return [...reached];
};
