import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { git } from "./git.ts";
import type { Shell } from "./shell.ts";

export const SPEC = "# Hello\n\n## Acceptance criteria\n\n- hello.txt says hello.\n";
export const SCRIPT =
  "conversations:\n  - role: planner\n    task: plan\n    turns:\n      - text: I am not asked.\n";

/** Put together here, so that no scanner of this repository takes it for a real one. */
const TOKEN = ["ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");

export type BadInput = {
  when: string;
  /** files beside the good spec.md and script.yaml */
  files?: Record<string, string | Uint8Array>;
  /** files committed to the good repository `repo` */
  commit?: Record<string, string>;
  arrange?(shell: Shell): unknown;
  args: readonly string[];
  /** the whole of stderr, the folder's path as DIR */
  says: string;
};

export const runs = (spec: string, ...more: string[]) => [
  "run",
  spec,
  "--repo",
  "repo",
  "--model",
  "script:script.yaml",
  ...more,
];

/** Everything a person can get wrong that needs no provider and no engine to be seen. */
export const BAD_INPUTS: readonly BadInput[] = [
  {
    when: "the spec is missing",
    args: runs("nope.md"),
    says: `headrace: DIR/nope.md: does not exist
  Name the Markdown file that holds the spec.
`,
  },
  {
    when: "the spec is a folder",
    args: runs("repo"),
    says: `headrace: DIR/repo: is not a file
  Name the Markdown file that holds the spec.
`,
  },
  {
    when: "the spec is empty",
    files: { "empty.md": "\n" },
    args: runs("empty.md"),
    says: `headrace: DIR/empty.md: is empty
  Describe what to build; list what must hold under a heading \`## Acceptance criteria\`.
`,
  },
  {
    when: "the spec is binary",
    files: { "binary.md": Uint8Array.of(0x89, 0x50, 0, 1) },
    args: runs("binary.md"),
    says: `headrace: DIR/binary.md: is binary, not text
  Save it as plain UTF-8 text.
`,
  },
  {
    when: "the spec has 10 MB",
    files: { "big.md": "# Big\n".padEnd(10_000_000, "many words ") },
    args: runs("big.md"),
    says: `headrace: DIR/big.md: is 10.0 MB, at most 1.0 MB can be used
  Keep the statements that matter and link to the rest.
`,
  },
  {
    when: "spec and repository hold secrets",
    files: { "secret.md": `${SPEC}\nUse ${TOKEN} to fetch it.\n` },
    commit: { "config/deploy.env": `# deploy\nTOKEN=${TOKEN}\n`, "notes.txt": "no secret" },
    args: runs("secret.md"),
    says: `headrace: DIR/secret.md:7: looks like a secret (github)
config/deploy.env:2: looks like a secret (github)
  agents read these files and send them to the model: take the secrets out and revoke them, or, where they are
  test data, say so with --allow-secrets
`,
  },
  {
    when: "the front matter is not YAML",
    files: { "bad.md": `---\ntitle: Hello\nbudget: [20\n---\n${SPEC}` },
    args: runs("bad.md"),
    says: `headrace: DIR/bad.md:3: is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]
  Check the indentation, and put values with \`: \` or \`#\` in quotes.
`,
  },
  {
    when: "the front matter has a field nobody knows",
    files: { "bad.md": `---\ntitle: Hello\nbugdet: 20\n---\n${SPEC}` },
    args: runs("bad.md"),
    says: `headrace: DIR/bad.md:3: bugdet: is not a known field
  Did you mean budget?
`,
  },
  {
    when: "headrace.yaml is not as it must be",
    commit: { "headrace.yaml": "setup:\n  - npm ci\ngates:\n  - name: test\n    run: 7\n" },
    args: runs("spec.md"),
    says: `headrace: headrace.yaml:5: gates[0].run: expected a command, got 7
  Write for example:
    gates:
      - name: test
        run: npm test
        timeout: 10m
`,
  },
  {
    when: "--repo is not a repository",
    arrange: ({ dir }) => mkdir(join(dir, "plain")),
    args: ["run", "spec.md", "--repo", "plain", "--model", "script:script.yaml"],
    says: `headrace: DIR/plain is not in a git repository
  Run "git init" and commit there, or use --new DIR to start an empty repository.
`,
  },
  {
    when: "check is outside a repository",
    arrange: ({ dir }) => mkdir(join(dir, "bare-folder")),
    args: ["check", "--repo", "bare-folder"],
    says: `headrace: DIR/bare-folder is not in a git repository
  Run "git init" and commit there.
`,
  },
  {
    when: "--repo is not there",
    args: ["run", "spec.md", "--repo", "nowhere", "--model", "script:script.yaml"],
    says: `headrace: there is no directory DIR/nowhere
  Name the repository's directory, or use --new DIR to start an empty repository.
`,
  },
  {
    when: "--repo has no commit",
    arrange: ({ dir }) => git(dir, "init", "--quiet", "fresh"),
    args: ["run", "spec.md", "--repo", "fresh", "--model", "script:script.yaml"],
    says: `headrace: DIR/fresh has no commit to start from
  Commit something, or use --new DIR to start an empty repository.
`,
  },
  {
    when: "the base the spec names is not there",
    files: { "based.md": `---\nbase: v9\n---\n${SPEC}` },
    args: runs("based.md"),
    says: `headrace: DIR/repo has no commit "v9"
  Name a branch, tag or commit that is there.
`,
  },
  {
    when: "a branch is named like the product",
    arrange: ({ dir }) => git(join(dir, "repo"), "branch", "headrace"),
    args: runs("spec.md"),
    says: `headrace: DIR/repo has a branch named "headrace", so branches "headrace/..." cannot be made
  Rename it: git -C DIR/repo branch -m headrace another-name
`,
  },
  {
    when: "there is neither key nor script",
    args: ["run", "spec.md", "--repo", "repo"],
    says: `headrace: there is no API key
  Set ANTHROPIC_API_KEY, or write the line ANTHROPIC_API_KEY=... to \`credentials\` in the data directory (mode 0600), or see a run without a key: npm run demo.
`,
  },
  {
    when: "the budget is negative",
    args: runs("spec.md", "--budget", "-5"),
    says: `headrace: --budget -5: expected dollars above 0 and at most 9000
  For example --budget 20
`,
  },
  {
    when: "the budget is no number",
    args: runs("spec.md", "--budget", "lots"),
    says: `headrace: --budget lots: expected dollars above 0 and at most 9000
  For example --budget 20
`,
  },
  {
    when: "the budget is more than one budget holds",
    args: runs("spec.md", "--budget", "9001"),
    says: `headrace: --budget 9001: expected dollars above 0 and at most 9000
  For example --budget 20
`,
  },
  {
    when: "the budget of tokens is no number",
    args: runs("spec.md", "--budget-tokens", "lots"),
    says: `headrace: --budget-tokens lots: expected a number of tokens above 0
  For example --budget-tokens 20m
`,
  },
  {
    when: "headrace.yaml names a model that nobody has configured",
    commit: { "headrace.yaml": "setup: []\nroutes:\n  coder: gold\n" },
    arrange: ({ env }) => Object.assign(env, { ANTHROPIC_API_KEY: "sk-1" }),
    args: ["run", "spec.md", "--repo", "repo"],
    says: `headrace: headrace.yaml:3: routes.coder: expected a model that your config.yaml names (it has none), or --model for every role, got "gold"
  Write for example:
    routes:
      coder: sonnet
      reviewer: [opus, spare]
`,
  },
  {
    when: "headrace.yaml names a provider",
    commit: {
      "headrace.yaml": "providers:\n  mine: { kind: compatible, url: https://x.example }\n",
    },
    args: runs("spec.md"),
    says: `headrace: headrace.yaml:1: providers: is not a known field
  Known fields: setup, gates, sandbox, budget, protected, merge, verification, routes.
`,
  },
  {
    when: "a flag is unknown",
    args: runs("spec.md", "--buget", "5"),
    says: `headrace: unknown option '--buget' (Did you mean --budget?)
  See: \`headrace run --help\`
`,
  },
  {
    when: "the verb is unknown",
    args: ["rum", "spec.md"],
    says: `headrace: unknown verb "rum" (Did you mean run?)
  See: \`headrace --help\`
`,
  },
  {
    when: "the spec is not named",
    args: ["run"],
    says: `headrace: missing required argument 'spec'
  See: \`headrace run --help\`
`,
  },
  {
    when: "two specs are named",
    args: runs("spec.md", "other.md"),
    says: `headrace: too many arguments for 'run'. Expected 1 argument but got 2: spec.md, other.md.
  See: \`headrace run --help\`
`,
  },
  {
    when: "--repo and --new are given",
    args: runs("spec.md", "--new", "fresh"),
    says: `headrace: --repo and --new exclude each other
  Name the repository, or the folder to make one in.
`,
  },
  {
    when: "--new names a folder that holds something",
    args: ["run", "spec.md", "--new", "repo", "--model", "script:script.yaml"],
    says: `headrace: DIR/repo is not empty
  Name a new or empty directory, or use --repo for a repository that exists.
`,
  },
  {
    when: "--new names a file",
    args: ["run", "spec.md", "--new", "spec.md", "--model", "script:script.yaml"],
    says: `headrace: DIR/spec.md is not a directory
  Name a new directory.
`,
  },
  {
    when: "the script is missing, and --new names a folder deep down",
    args: ["run", "spec.md", "--new", "deep/down", "--model", "script:nope.yaml"],
    says: `headrace: cannot read the model script DIR/nope.yaml
  Check the path after script:
`,
  },
  {
    when: "the script is not as it must be",
    files: { "bad.yaml": "conversations:\n  - role: coder\n    task: t1\n    turn: []\n" },
    args: ["run", "spec.md", "--repo", "repo", "--model", "script:bad.yaml"],
    says: `headrace: DIR/bad.yaml:2: conversations[0].turns: Invalid input: expected array, received undefined
DIR/bad.yaml:2: conversations[0]: Unrecognized key: "turn"
  The format is described in model-script.md, whose place \`headrace --help\` tells.
`,
  },
  {
    when: "the plan is missing",
    args: runs("spec.md", "--plan", "nope.json"),
    says: `headrace: DIR/nope.json: cannot be read (ENOENT)
  Name the plan's file, as \`headrace plan SPEC -o FILE\` writes it.
`,
  },
  {
    when: "the plan is neither YAML nor JSON",
    files: { "plan.json": "summary: s\ntasks: [" },
    args: runs("spec.md", "--plan", "plan.json"),
    says: `headrace: DIR/plan.json:2: is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]
  Check the indentation, and put values with \`: \` or \`#\` in quotes.
`,
  },
  {
    when: "the plan lacks what a plan has",
    files: { "plan.json": '{"summary": "s", "tasks": [{"id": "t1"}]}' },
    args: runs("spec.md", "--plan", "plan.json"),
    says: `headrace: DIR/plan.json:1: tasks[0].title: expected string, got nothing
  Write for example:
    tasks:
      - id: parse
        title: Parse CSV lines
        description: Export parseLine(text) from src/parse.js ...
        acceptance: ["a quoted field may hold a comma"]
        requirements: [r1]
        blockedBy: []
`,
  },
  {
    when: "the plan's tasks do not hold together",
    files: {
      "plan.yaml":
        "summary: s\ntasks:\n  - id: t1\n    title: T\n    description: d\n    acceptance: [a]\n    requirements: [r1]\n    blockedBy: [t0]\n",
    },
    args: runs("spec.md", "--plan", "plan.yaml"),
    says: `headrace: DIR/plan.yaml:3: Task t1 is blocked by t0, which is no task of this plan and has not landed: name an existing task or remove it.
DIR/plan.yaml: No gate will apply at the end, so nothing could be verified: propose at least one gate whose command tests the work.
  Mend the plan; nothing was started.
`,
  },
  {
    when: "the installation's config.yaml is not as it must be",
    files: { "data/config.yaml": "prices: 7\n" },
    args: runs("spec.md"),
    says: `headrace: DIR/data/config.yaml:1: prices: expected array, got 7
  Write for example:
    prices:
      - { model: local-llm, input: 0.5, output: 1 }
`,
  },
  {
    when: "a credentials file is open to others",
    files: { "data/credentials": "ANTHROPIC_API_KEY=sk-1\n" },
    args: runs("spec.md"),
    says: `headrace: DIR/data/credentials: can be read by other users of this machine
  Run: chmod 600 DIR/data/credentials
`,
  },
];
