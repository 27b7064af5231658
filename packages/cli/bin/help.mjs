// @ts-check
// Every verb of the command as data: the launcher prints it without loading anything else, and the command line's
// parser in src/ is built from the same list, so that help and parser cannot differ.

import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Verb
 * @property {string} name
 * @property {string} operands as commander writes them: `<required>` and `[optional]`
 * @property {string} summary
 * @property {ReadonlyArray<readonly [flags: string, text: string]>} options
 */

/** @typedef {{ title: string, verbs: readonly Verb[] }} Group */

const JSON_OPTION = /** @type {const} */ (["--json", "print data as JSON"]);
const REPO = /** @type {const} */ (["--repo <dir>", "the git repository (default: this folder)"]);
const ALLOW_CONFIG = /** @type {const} */ ([
  "--allow-repo-config",
  "let headrace.yaml open the hosts, images and Dockerfile it names; remembered until they change",
]);
const PLAN = /** @type {const} */ ([
  "--plan <file>",
  "use this plan, YAML or JSON, instead of asking the planner",
]);
const NO_AWAKE = /** @type {const} */ ([
  "--no-awake",
  "let the machine sleep while work runs (a factory that runs already keeps its own setting)",
]);
const KEY = /** @type {const} */ ([
  "--key <file>",
  "the installation's public key, kept elsewhere (default: the one beside the store)",
]);
const BUDGET_TOKENS = /** @type {const} */ ([
  "--budget-tokens <n>",
  "the most tokens it may use, such as 20m; with it models without a price may be used",
]);
const LISTEN = "listen there instead of on loopback: address:port";

/** Options every verb takes. @type {Verb["options"]} */
export const COMMON_OPTIONS = [
  ["--data <dir>", "where state is kept (default: $HEADRACE_HOME, else ~/.headrace)"],
  ["-h, --help", "print this"],
];

/** @type {readonly Verb[]} */
const WORK = [
  {
    name: "run",
    operands: "<spec>",
    summary: "build a spec: plan, code, verify, merge; then follow it",
    options: [
      REPO,
      ["--new <dir>", "make a new repository there and build in it"],
      ["--budget <usd>", "the most this run may spend (default: 20)"],
      BUDGET_TOKENS,
      [
        "--model <name>",
        "a model for every role: one of config.yaml or an id; script:FILE and relay:DIR need no key",
      ],
      PLAN,
      [
        "--ask-above <usd>",
        "ask before building what may cost more than this (default: where the budget is likely too little)",
      ],
      ["--yes", "build whatever the plan comes to, without asking"],
      ["--allow-secrets", "go on though the spec or the repository seems to hold secrets"],
      ALLOW_CONFIG,
      ["--detach", "submit and return at once"],
      ["--foreground", "keep the factory in this process; Ctrl-C parks the run"],
      [
        "--notify <command>",
        "run this at the end, or when you are needed; told by HEADRACE_RUN, _STATUS, _MESSAGE",
      ],
      NO_AWAKE,
      ["--json", "print the events, one JSON object a line"],
    ],
  },
  {
    name: "plan",
    operands: "[spec]",
    summary: "plan a spec and stop there: what would be built, and what it may cost",
    options: [
      REPO,
      ["-o, --out <file>", "write the plan there, to be edited and handed to run --plan"],
      ["--of <run>", "show the plan of this run instead of making one"],
      ["--budget <usd>", "the most that planning may spend (default: 20)"],
      BUDGET_TOKENS,
      [
        "--model <name>",
        "a model for every role: one of config.yaml or an id; script:FILE and relay:DIR need no key",
      ],
      PLAN,
      ["--allow-secrets", "go on though the spec or the repository seems to hold secrets"],
      ALLOW_CONFIG,
      NO_AWAKE,
      JSON_OPTION,
    ],
  },
  {
    name: "check",
    operands: "",
    summary: "build the environment and run every gate twice on the base; no model",
    options: [REPO, ALLOW_CONFIG, JSON_OPTION],
  },
  {
    name: "init",
    operands: "",
    summary: "write headrace.yaml from what is detected",
    options: [REPO],
  },
];

/** @type {readonly Verb[]} */
const WATCHING = [
  { name: "watch", operands: "[run]", summary: "live view of a run", options: [] },
  { name: "status", operands: "[run]", summary: "summary of a run", options: [JSON_OPTION] },
  {
    name: "log",
    operands: "<run>",
    summary: "the events of a run",
    options: [["--follow", "go on printing as they come"], JSON_OPTION],
  },
  {
    name: "review",
    operands: "<run>",
    summary: "merged branches, each with its proof",
    options: [JSON_OPTION],
  },
  {
    name: "spend",
    operands: "[run]",
    summary: "what a run, or all of them, cost, and how much of it became landed lines",
    options: [
      ["--by <what>", "split it by run, task, role, model or kind"],
      ["--view <name>", "daily: requests, latency and cost; unmet: why nothing was sent"],
      ["--csv [table]", "for spreadsheets: calls (the default), tries, demand, daily or unmet"],
      JSON_OPTION,
    ],
  },
  {
    name: "audit",
    operands: "<run>",
    summary: "show that a run's records and its branch agree and were not edited; offline",
    options: [
      KEY,
      ["--from <archive>", "audit what `export` wrote, without store or repository"],
      JSON_OPTION,
    ],
  },
  {
    name: "verify",
    operands: "<run-or-commit>",
    summary: "run the gates of a landing again, from its commit, and compare with its receipt",
    options: [
      KEY,
      ["--from <archive>", "verify what `export` wrote, without store or repository"],
      JSON_OPTION,
    ],
  },
  {
    name: "export",
    operands: "<run>",
    summary: "one archive of a run: log, ledger, receipts, policy, public key, branch",
    options: [["--out <file>", "where to write it (default: RUN.tar.gz here)"]],
  },
];

/** @type {readonly Verb[]} */
const DECIDING = [
  {
    name: "land",
    operands: "<run>",
    summary:
      "merge a run's integration branch into yours; gates run on a merge that is not as verified",
    options: [
      ["--into <branch>", "the branch (default: the one checked out)"],
      ["--fast-forward", "move the branch to the verified commit itself, or not at all"],
      ["--unverified", "do not run the gates where your branch has moved on; the merge says so"],
    ],
  },
  {
    name: "pause",
    operands: "<run>",
    summary: "let running steps end, start no more",
    options: [],
  },
  {
    name: "resume",
    operands: "<run>",
    summary:
      "go on with a run that was paused, failed, or met a budget of config.yaml; try again what waits",
    options: [],
  },
  { name: "cancel", operands: "<run>", summary: "end a run; what has landed stays", options: [] },
  {
    name: "answer",
    operands: "<run> <question> <text>",
    summary: "answer a question the work waits for",
    options: [],
  },
  {
    name: "steer",
    operands: "<run> <text>",
    summary: "tell a run's agents something before their next call",
    options: [],
  },
  {
    name: "budget",
    operands: "<run>",
    summary: "show what a run and its tasks may still spend, or raise it and go on",
    options: [
      ["--raise <usd>", "add this much to the cap, and go on if the cap had stopped the run"],
      [
        "--task <task>",
        "with --raise: the budgets of this task and of its attempts, if it is parked for them",
      ],
      [
        "--raise-tokens <n>",
        "add so many, such as 5m, to the budget of tokens, and go on if that had stopped it",
      ],
      JSON_OPTION,
    ],
  },
];

/** @type {readonly Verb[]} */
const FACTORY = [
  {
    name: "serve",
    operands: "",
    summary: "run the control plane here, in the foreground",
    options: [
      ["--listen <address>", LISTEN],
      ["--exit-when-idle", "end when there has been nothing to do for a while"],
      NO_AWAKE,
    ],
  },
  {
    name: "stop",
    operands: "",
    summary: "stop the background factory; runs are parked",
    options: [],
  },
  {
    name: "prices",
    operands: "",
    summary: "what models cost: built-in prices and yours, with their days and sources",
    options: [
      ["--check", "look for mistakes in your rows and for models of routes that have no price"],
      JSON_OPTION,
    ],
  },
  {
    name: "doctor",
    operands: "",
    summary: "what this machine has and lacks",
    options: [JSON_OPTION],
  },
  {
    name: "simulator",
    operands: "<file>",
    summary: "serve a scripted model over the Messages API",
    options: [["--listen <address>", LISTEN]],
  },
];

/** @type {readonly Group[]} */
const GROUPS = [
  { title: "Work", verbs: WORK },
  { title: "Watch", verbs: WATCHING },
  { title: "Decide", verbs: DECIDING },
  { title: "Factory", verbs: FACTORY },
];

/** @type {readonly Verb[]} */
export const VERBS = GROUPS.flatMap(({ verbs }) => verbs);

/** @param {string} name */
export const verbNamed = (name) => VERBS.find((verb) => verb.name === name);

const EXITS = `Exit codes of a followed run: 0 complete (or planned, with plan), 1 the factory failed (resumable), 2 bad input, nothing started,
3 incomplete or cancelled, 4 stopped for budget (resumable), 5 waits for a person, 130 detached.
Other verbs: 0 yes, 1 no or failed, 2 bad input.`;

/** Of this installation: a repository that it works on has no such pages. */
const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));

const usage = (/** @type {Verb} */ { name, operands }) => `${name} ${operands}`.trim();

/** What `headrace --help` prints. */
export const overviewHelp = () => {
  const width = Math.max(...VERBS.map((verb) => usage(verb).length)) + 2;
  const groups = GROUPS.map(({ title, verbs }) => {
    const lines = verbs.map((verb) => `  ${usage(verb).padEnd(width)}${verb.summary}`);
    return `${title}\n${lines.join("\n")}`;
  });
  return `headrace: a software factory that runs with the lights out. Spec in, verified branches merged.

usage: headrace <verb> [options]      headrace <verb> --help tells a verb's options

${groups.join("\n\n")}

${EXITS}
Documentation: ${DOCS} (spec.md, headrace-yaml.md, configuration.md and others)
`;
};

/**
 * What `headrace <verb> --help` prints.
 * @param {Verb} verb
 */
export const verbHelp = (verb) => {
  const options = [...verb.options, ...COMMON_OPTIONS];
  const width = Math.max(...options.map(([flags]) => flags.length)) + 2;
  const lines = options.map(([flags, text]) => `  ${flags.padEnd(width)}${text}`);
  return `usage: headrace ${usage(verb)} [options]

${verb.summary}

${lines.join("\n")}
`;
};
