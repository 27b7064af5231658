import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { commitFiles, git } from "../support/git.ts";
import { approves, judges, plans, task } from "../support/script.ts";
import { openShell } from "../support/shell.ts";
import { rememberRepository } from "../support/untouched.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_TEST = "npx vitest run --project unit packages/domain/src/plural.test.ts";

/** What this project checks of itself, as far as it goes without an engine; of its unit tests three packages', for time. */
const CONFIG = {
  setup: ["npm install --ignore-scripts --no-audit --no-fund"],
  gates: [
    { name: "types", run: "npx tsc --noEmit" },
    {
      name: "unit",
      run: "npx vitest run --project unit packages/domain packages/intake packages/models",
    },
  ],
  // minutes of unit tests for each mutant would show nothing here that test/e2e/fix does not
  verification: { budget: 0 },
};

const SPEC = `# Count things in words

Messages say "1 requirements" today.

## Acceptance criteria

- \`plural(1, "task")\` is "1 task" and \`plural(0, "task")\` is "0 tasks".
`;

const SOURCE = `/** A count in words: \`1 task\`, \`2 tasks\`. */
export const plural = (count: number, noun: string): string =>
  \`\${count} \${noun}\${count === 1 ? "" : "s"}\`;
`;

const TEST = `import { expect, test } from "vitest";
import { plural } from "./plural.ts";

test("one has no s, every other count has", () => {
  expect([0, 1, 2].map((n) => plural(n, "task"))).toEqual(["0 tasks", "1 task", "2 tasks"]);
});
`;

const claim = { requirement: "r1", met: true, reason: "its test says so" };

const SCRIPT = [
  plans({
    summary: "One function and its test.",
    tasks: [task("plural", { paths: ["packages/domain/src"] })],
  }),
  approves("plan", { contains: "One function" }),
  {
    role: "coder",
    task: "plural",
    turns: [
      {
        contains: "Working on Headrace",
        calls: [
          { write: { path: "packages/domain/src/plural.ts", content: SOURCE } },
          { write: { path: "packages/domain/src/plural.test.ts", content: TEST } },
          { bash: { command: RUN_TEST } },
        ],
      },
      { contains: "1 passed", calls: [{ submit_change: { summary: "plural, tested." } }] },
    ],
  },
  approves("plural"),
  judges([{ ...claim, evidence: [{ kind: "command", run: RUN_TEST }] }]),
];

// its gates run four times in it: twice on the base, once on the change, once on a bad tree
const BOUND_MS = 900_000;

test("the factory builds on its own repository, with its own set-up and gates", {
  timeout: BOUND_MS,
}, async () => {
  await using shell = await openShell();
  git(shell.dir, "clone", "--quiet", ROOT, "own");
  const repo = join(shell.dir, "own");
  git(repo, "checkout", "--quiet", "-B", "main");
  const base = await commitFiles(repo, { "headrace.yaml": stringify(CONFIG) });
  await shell.file("spec.md", SPEC);
  await shell.file("script.yaml", stringify({ conversations: SCRIPT }));
  const untouched = await rememberRepository(repo);

  const args = ["--repo", "own", "--model", "script:script.yaml", "--foreground"];
  const { code, out, err } = await shell.headrace("run", "spec.md", ...args);
  expect(code, out + err).toBe(0);
  expect(out).toContain("types pass");
  await untouched();
  const [, run = ""] = /^run (\S+):/m.exec(out) ?? [];
  expect(await shell.headrace("land", run)).toMatchObject({ code: 0 });
  expect(await readFile(join(repo, "packages/domain/src/plural.ts"), "utf8")).toBe(SOURCE);
  expect(git(repo, "diff", "--name-only", base, "HEAD").split("\n")).toHaveLength(2);
});
