import { type Gate, globMatcher } from "@headrace/domain";

type Scripts = Record<string, string>;

const scriptsOf = (manifest: string | undefined): Scripts => {
  try {
    const { scripts } = Object(JSON.parse(manifest ?? "{}")) as { scripts?: unknown };
    return Object.fromEntries(
      Object.entries(Object(scripts)).filter(
        (script): script is [string, string] => typeof script[1] === "string",
      ),
    );
  } catch {
    // nothing runs from what is no manifest
    return {};
  }
};

const RUNNER = /\b(?:npm|pnpm|yarn|bun)\b/;

/** The scripts that gates run by name, and those that these run in turn. */
const behindGates = (scripts: Scripts, gates: readonly Gate[]): ReadonlySet<string> => {
  const found = new Set<string>();
  const follow = (command: string): void => {
    if (!RUNNER.test(command)) return;
    const words = new Set(command.split(/[^\w:.-]+/));
    for (const [name, body] of Object.entries(scripts)) {
      if (found.has(name) || !words.has(name.replace(/^(?:pre|post)/, ""))) continue;
      found.add(name);
      follow(body);
    }
  };
  for (const gate of gates) follow(gate.run);
  return found;
};

/**
 * What a change did to scripts that decide gates. `npm test` is a frozen command, but what it does stands in
 * package.json: a script that was there before is left as it is, unless the task may change the gates' configuration.
 */
export const changedGateScripts = (facts: {
  path: string;
  /** package.json as it was and as it is; undefined where there is none */
  before: string | undefined;
  after: string | undefined;
  gates: readonly Gate[];
  permits: readonly string[];
}): string[] => {
  const { path, before, after, gates, permits } = facts;
  const opened = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  if (permits.some((permit) => permit.startsWith("gates:")) || opened(path)) return [];
  const old = scriptsOf(before);
  const now = scriptsOf(after);
  return [...behindGates(old, gates)]
    .filter((name) => now[name] !== old[name])
    .map((name) => `${path}: the script "${name}" decides a gate and was changed: put it back`);
};
