import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  branchRef,
  formatReceiptTrailer,
  integrationBranch,
  isGreen,
  parseReceiptTrailer,
  type Receipt,
  type RunState,
  TRAILERS,
} from "@headrace/domain";
import { commitFlat, type Files, filesOf } from "./flat-trees.ts";
import { git, gitBytes } from "./git.ts";

/** Has git itself log every move of every ref of the repository, whoever makes it. */
export const watchRefs = (bare: string): void =>
  void git(bare, "config", "core.logAllRefUpdates", "always");

/** Somebody else moves a ref on, to a commit whose tree no other has: a file of theirs says where it stood. */
export const moveAside = (bare: string, ref: string): string => {
  const stood = git(bare, "rev-parse", ref);
  const theirs = commitFlat(bare, ref, { ...filesOf(bare, ref), "theirs.txt": `${stood}\n` });
  git(bare, "update-ref", ref, theirs);
  return theirs;
};

export const treeOf = (bare: string, commit: string): string =>
  git(bare, "rev-parse", `${commit}^{tree}`);

export type Move = { from: string; to: string };

/** Moves of a run's integration branch as git logged them, oldest first, without its creation. */
export const movesOf = (bare: string, run: string): Move[] => {
  const log = join(bare, "logs", branchRef(integrationBranch(run)));
  if (!existsSync(log)) throw new Error(`nobody watched ${run}`);
  return readFileSync(log, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "))
    .map(([from = "", to = ""]) => ({ from, to }))
    .filter(({ from }) => !/^0+$/.test(from));
};

type Sight = {
  bare: string;
  state: RunState;
  /** the gate, asked of the tree itself: a receipt is believed by nobody here */
  red(files: Files): boolean;
  /** moves that the test made, as somebody else who writes the ref */
  foreign?: ReadonlySet<string>;
};

type Commit = { id: string; tree: string; parents: string[]; trailers: Map<string, string> };

const commitOf = (bare: string, id: string): Commit => {
  const [tree = "", parents = "", ...body] = git(
    bare,
    "log",
    "-1",
    "--format=%T%n%P%n%(trailers:only,unfold)",
    id,
  ).split("\n");
  const trailers = body.flatMap((line) => {
    const [, name, text] = /^([A-Za-z-]+): (.*)$/.exec(line) ?? [];
    return name === undefined || text === undefined ? [] : [[name, text] as const];
  });
  return { id, tree, parents: parents.split(" "), trailers: new Map(trailers) };
};

/** What git makes of two commits where it can; undefined where it conflicts. */
const plainMerge = (bare: string, ours: string, theirs: string): string | undefined => {
  try {
    return gitBytes(bare, ["merge-tree", "--write-tree", ours, theirs]).toString("utf8").trim();
  } catch {
    return undefined;
  }
};

/**
 * Looks at each move of the integration branch with plain git and the rows: it leads on from where the branch stood,
 * by landings of queued changes, each once, to a tree with a green receipt of its own on that very base. Answers what
 * is wrong; nothing, when all is as it must be (I2, I3).
 */
export const violations = ({ bare, state, red, foreign = new Set() }: Sight): string[] => {
  const wrong: string[] = [];
  const landed = new Map<string, string>();
  let tip = state.run.base;
  for (const { from, to } of movesOf(bare, state.run.id)) {
    const say = (what: string) => wrong.push(`${from.slice(0, 8)}..${to.slice(0, 8)}: ${what}`);
    if (from !== tip) say(`the branch stood at ${tip.slice(0, 8)}`);
    tip = to;
    if (foreign.has(to)) continue;
    const steps = pathOf(bare, from, to);
    if (steps === undefined) {
      say("it does not lead on from where the branch stood");
      continue;
    }
    const last = steps.at(-1);
    const named = parseReceiptTrailer(last?.trailers.get(TRAILERS.receipt) ?? "");
    const receipt = state.receipts[named?.receipt ?? ""];
    const base = commitOf(bare, from).tree;
    for (const problem of receiptProblems(state, receipt, { tree: last?.tree, base })) say(problem);
    if (red(filesOf(bare, to))) say("the gate is red on this tree");
    for (const [i, step] of steps.entries()) {
      for (const problem of stepProblems(bare, state, step)) say(problem);
      const part = { index: i + 1, of: steps.length };
      const inner = formatReceiptTrailer({ receipt: "none", ...named, part });
      if (i < steps.length - 1 && step.trailers.get(TRAILERS.receipt) !== inner)
        say(`landing ${i + 1} of ${steps.length} is not called ${inner}`);
      const task = step.trailers.get(TRAILERS.task) ?? "";
      if (landed.has(task)) say(`${task} lands again`);
      landed.set(task, step.id);
    }
  }
  return [...wrong, ...rowProblems(state, landed, tip)];
};

/** First parents from `to` back to `from`, oldest first. */
const pathOf = (bare: string, from: string, to: string): Commit[] | undefined => {
  const steps: Commit[] = [];
  for (let at = to; at !== from; ) {
    const commit = commitOf(bare, at);
    steps.unshift(commit);
    const [parent = ""] = commit.parents;
    if (parent === "" || steps.length > 100) return undefined;
    at = parent;
  }
  return steps.length === 0 ? undefined : steps;
};

const receiptProblems = (
  state: RunState,
  receipt: Receipt | undefined,
  at: { tree: string | undefined; base: string },
): string[] => {
  if (receipt === undefined) return ["it has no receipt"];
  return [
    ...(isGreen(receipt) ? [] : ["its receipt is not green"]),
    ...(receipt.key.tree === at.tree ? [] : ["its receipt is of another tree"]),
    ...(receipt.key.landingBaseTree === at.base ? [] : ["its receipt is of another base"]),
    ...(receipt.key.policy === state.run.policyHash ? [] : ["its receipt is of another policy"]),
  ];
};

/** Rungs whose result lands in the place of git's merge; an author's is an ordinary change. */
const RESOLVED = ["lockfile", "merger"];

const stepProblems = (bare: string, state: RunState, step: Commit): string[] => {
  const [before = "", change = "", ...more] = step.parents;
  const task = state.tasks[step.trailers.get(TRAILERS.task) ?? ""];
  const queued = Object.values(state.threads).flatMap((thread) => thread.members ?? []);
  if (task === undefined || change === "" || more.length > 0)
    return [`${step.id.slice(0, 8)} is no landing of a task`];
  if (!queued.some((member) => member.task === task.id && member.change === change))
    return [`${task.id} never queued the change that lands`];
  const merged = plainMerge(bare, before, change);
  const resolved = RESOLVED.includes(task.conflict?.rung ?? "");
  if (merged === undefined) return resolved ? [] : [`${task.id} lands and does not merge`];
  return merged === step.tree ? [] : [`${task.id} lands as another tree than git merges`];
};

const rowProblems = (
  { run, tasks }: RunState,
  landed: ReadonlyMap<string, string>,
  tip: string,
): string[] => {
  const rows = Object.values(tasks).filter((row) => row.landing !== undefined);
  return [
    ...rows
      .filter((row) => landed.get(row.id) !== row.landing?.commit)
      .map((row) => `${row.id} is said to have landed as ${row.landing?.commit.slice(0, 8)}`),
    ...[...landed.keys()]
      .filter((task) => tasks[task]?.landing === undefined)
      .map((task) => `${task} stands in the branch and not in the rows`),
    ...(rows.length === 0 || landed.size < rows.length || run.tip === tip
      ? []
      : [`the rows have the tip ${run.tip.slice(0, 8)}, the branch ${tip.slice(0, 8)}`]),
  ];
};
