/** Scripts of a package.json by name, in its order. */
export type Scripts = ReadonlyMap<string, string>;

export const scriptsOf = (manifest: string | undefined): Scripts => {
  try {
    const { scripts } = Object(JSON.parse(manifest ?? "{}")) as { scripts?: unknown };
    const entries = Object.entries(Object(scripts));
    return new Map(
      entries.filter((script): script is [string, string] => typeof script[1] === "string"),
    );
  } catch {
    // nothing runs from what is no manifest
    return new Map();
  }
};

/** Commands that run scripts by name. */
export const RUNNER = /\b(?:npm|pnpm|yarn|bun)\b/;

/** The scripts that commands run by name, those that these run in turn, and the hooks npm runs with them. */
export const scriptsBehind = (scripts: Scripts, commands: readonly string[]): string[] => {
  const found = new Set<string>();
  const todo = [...commands];
  for (let command = todo.pop(); command !== undefined; command = todo.pop()) {
    if (!RUNNER.test(command)) continue;
    for (const word of new Set(command.split(/[^\w:.-]+/)))
      for (const name of [word, `pre${word}`, `post${word}`]) {
        const body = scripts.get(name);
        if (body === undefined || found.has(name)) continue;
        found.add(name);
        todo.push(body);
      }
  }
  return [...scripts.keys()].filter((name) => found.has(name));
};

/** What a hook runs with; another script's own name where it only begins so, as `prepare` does. */
export const hookedTo = (name: string): string => name.replace(/^(?:pre|post)/, "");
