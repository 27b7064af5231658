import { Gate, UserError } from "@headrace/domain";
import { quoted } from "./detect/detection.ts";
import { readPackageJson } from "./detect/package-json.ts";
import type { RequestedGate } from "./fields.ts";
import type { Tree } from "./tree.ts";

type Runner = {
  name: string;
  /** the command whose last words the runner reads */
  command: RegExp;
  flags(tests: readonly string[]): string[];
};

const each = (flag: string) => (tests: readonly string[]) =>
  tests.map((test) => `${flag}=${quoted(test)}`);

const literal = (test: string): string => test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** How each runner is told to leave tests out; files for most, names where it knows no files. */
const RUNNERS: readonly Runner[] = [
  { name: "vitest", command: /\bvitest\b/, flags: each("--exclude") },
  {
    name: "jest",
    command: /\bjest\b/,
    // the flag takes the place of the default, which leaves out what is installed
    flags: (tests) => each("--testPathIgnorePatterns")(["/node_modules/", ...tests.map(literal)]),
  },
  {
    name: "pytest",
    command: /\bpytest\b/,
    flags: (tests) =>
      tests.map((test) => `${test.includes("::") ? "--deselect" : "--ignore"}=${quoted(test)}`),
  },
  { name: "mocha", command: /\bmocha\b/, flags: each("--ignore") },
  {
    name: "node --test",
    // words after it are files, and what follows them is theirs
    command: /\bnode\b(?: --?\S+)* --test(?: --?\S+)*$/,
    flags: (tests) => each("--test-skip-pattern")(tests.map(literal)),
  },
  {
    name: "go test",
    command: /\bgo test\b/,
    flags: (tests) => [`-skip=${quoted(tests.map((test) => `^${literal(test)}$`).join("|"))}`],
  },
];

const SCRIPT = /^(npm|pnpm|yarn|bun)(?: run)? ([\w:.-]+)$/;

/** A line whose arguments go to one command: nothing that a shell would end it at. */
const isSimple = (line: string): boolean => !/[;&|<>()`\n#]/.test(line);

const exclude = (gate: RequestedGate, tests: readonly string[], scripts: Scripts): string => {
  const run = gate.run.trim();
  const [, manager, script] = SCRIPT.exec(run) ?? [];
  const line = (script === undefined ? run : scripts[script])?.trim();
  const runner =
    line !== undefined && isSimple(line) && !SCRIPT.test(line)
      ? RUNNERS.find(({ command }) => command.test(line))
      : undefined;
  if (runner === undefined)
    throw new UserError(
      `gate ${gate.name}: exclude: what runs the tests cannot be told from ${JSON.stringify(run.slice(0, 80))}`,
      `Write the runner's own flag into \`run\`, or a single command of ${RUNNERS.map(({ name }) => name).join(", ")}.`,
    );
  return [run, ...(manager === "npm" ? ["--"] : []), ...runner.flags(tests)].join(" ");
};

type Scripts = Readonly<Record<string, string>>;

/**
 * Gates with what a person wants left out in their commands, by the runner's own flag, so that policy and receipts
 * show it. Throws `UserError` where the runner cannot be told.
 */
export const withExclusions = async (
  tree: Tree,
  gates: readonly RequestedGate[] | undefined,
): Promise<Gate[] | undefined> => {
  if (gates === undefined) return undefined;
  const scripts = (await readPackageJson(tree, "package.json"))?.scripts ?? {};
  return gates.map((gate) => {
    const { exclude: tests = [] } = gate;
    return Gate.parse(tests.length === 0 ? gate : { ...gate, run: exclude(gate, tests, scripts) });
  });
};
