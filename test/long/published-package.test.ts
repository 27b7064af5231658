import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { commitFiles, git } from "../support/git.ts";
import { accepts, approves, plans, task } from "../support/script.ts";
import { openShell } from "../support/shell.ts";
import { rememberRepository } from "../support/untouched.ts";

const PACKAGE = "ms@2.1.3";

const SPEC = `---
title: Fortnights
setup: []
gates:
  - name: syntax
    run: node --check index.js
  - name: known
    run: node -e "require('node:assert').equal(require('./')('2 weeks'), 1209600000)"
  - name: test
    run: node --test
---
# Two weeks have a name

## Requirements

- \`ms("1 fortnight")\` and \`ms("3 fortnights")\` are understood.
`;

const TEST = `const assert = require("node:assert/strict");
const { test } = require("node:test");
const ms = require("./");

test("fortnights are two weeks", () => {
  assert.equal(ms("1 fortnight"), ms("2 weeks"));
  assert.equal(ms("3 fortnights"), ms("6 weeks"));
});
`;

const CODER = {
  role: "coder",
  task: "fortnights",
  turns: [
    { calls: [{ search: { pattern: "weeks\\?" } }] },
    {
      contains: "index.js",
      calls: [
        { edit: { path: "index.js", old: "|weeks?|w|", new: "|fortnights?|weeks?|w|" } },
        {
          edit: {
            path: "index.js",
            old: "    case 'weeks':\n",
            new: "    case 'fortnights':\n    case 'fortnight':\n      return n * 2 * w;\n    case 'weeks':\n",
          },
        },
        { write: { path: "fortnight.test.js", content: TEST } },
        { bash: { command: "node --test" } },
      ],
    },
    { contains: "pass 1", calls: [{ submit_change: { summary: "Fortnights are two weeks." } }] },
  ],
};

const SCRIPT = [
  plans({ summary: "One small change.", tasks: [task("fortnights", { paths: ["index.js"] })] }),
  approves("plan"),
  CODER,
  approves("fortnights"),
  accepts({ r1: { file: "fortnight.test.js", quote: 'ms("3 fortnights"), ms("6 weeks")' } }),
];

test(`the factory adds a feature to ${PACKAGE} and changes nothing of the repository but its own refs`, async () => {
  await using shell = await openShell();
  const repo = join(shell.dir, "package");
  const [tarball = ""] = execFileSync("npm", ["pack", "--silent", PACKAGE], {
    cwd: shell.dir,
    encoding: "utf8",
  }).split("\n");
  execFileSync("tar", ["-xzf", tarball], { cwd: shell.dir });
  git(repo, "init", "--quiet", "--initial-branch=main");
  await commitFiles(repo, {});
  await shell.file("spec.md", SPEC);
  await shell.file("script.yaml", stringify({ conversations: SCRIPT }));
  const untouched = await rememberRepository(repo);

  const args = ["--repo", "package", "--model", "script:script.yaml", "--foreground"];
  const { code, out, err } = await shell.headrace("run", "spec.md", ...args);
  expect(code, out + err).toBe(0);
  await untouched();
  const [, run = ""] = /^run (\S+):/m.exec(out) ?? [];
  expect(await shell.headrace("land", run)).toMatchObject({ code: 0 });
  expect(await readFile(join(repo, "index.js"), "utf8")).toContain("fortnights?|weeks?");
  expect(git(repo, "show", "--stat", "--format=", "HEAD^2")).toContain("2 files changed");
});
