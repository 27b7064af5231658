import { type FactoryRepo, isEnded, type Rung, type RunState } from "@headrace/domain";
import type { Files } from "./flat-trees.ts";
import { moveAside, movesOf, treeOf, violations, watchRefs } from "./landing-oracle.ts";
import { type Coder, mergeLine } from "./merge-line.ts";
import { played } from "./played-line.ts";

/** Numbers in [0, 1) that are the same for the same seed. */
const numbers = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

const LINES = 80;
/** Much of real code repeats itself, and that is where merges go astray. */
const BASE = Array.from({ length: LINES }, (_, i) =>
  i % 4 === 3 ? "}\n" : i % 8 === 0 ? "\n" : `line ${i}\n`,
);
const START: Files = { "list.txt": BASE.join(""), "gone.txt": BASE.slice(0, 20).join("") };

/** Edits that overlap, repeat what others insert, and take back what landed before; the same for the same task. */
const randomCoder =
  (seed: number): Coder =>
  (files, { task, attempt }) => {
    const next = numbers(seed * 7919 + Number(task.slice(1)) * 101 + attempt);
    const at = (n: number) => Math.floor(next() * n);
    const lines = (files["list.txt"] ?? "").split(/(?<=\n)/);
    for (let edits = 1 + at(3); edits > 0; edits -= 1) {
      const where = at(Math.max(1, lines.length - 4));
      const kind = at(6);
      if (kind === 0) lines.splice(where, 0, "added\n", "}\n");
      if (kind === 1) lines.splice(where, 1 + at(3));
      if (kind === 2) lines[where] = `${task} ${attempt}\n`;
      if (kind === 3) lines.splice(where, 4, ...BASE.slice(where, where + 4));
      if (kind === 4) lines.splice(where, 2, "}\n", "}\n");
      if (kind === 5) lines.push(`${task} at the end\n`);
    }
    const { "gone.txt": gone = "", ...rest } = files;
    const kept = at(5) > 0 || gone === "" ? files : rest;
    // what is red in pairs: the second attempt does without
    const mark = attempt === 1 && at(3) === 0 ? { [`mark-${task}.txt`]: `${at(4)}\n` } : {};
    return { ...kept, ...mark, "list.txt": lines.join(""), [`${task}.txt`]: `${attempt}\n` };
  };

/** Two marks of the same number are red together, each green alone. */
const clash = (files: Files): boolean => {
  const marks = Object.entries(files).flatMap(([name, text]) =>
    name.startsWith("mark-") ? [text] : [],
  );
  return new Set(marks).size < marks.length;
};

/** Now and then somebody else moves the ref first, to a commit with a file of their own changed. */
const secondMerger = (bare: () => string, seed: number) => {
  const next = numbers(seed);
  const foreign = new Set<string>();
  const wrap = (repo: FactoryRepo): FactoryRepo => ({
    ...repo,
    async moveRef(ref, to, expected) {
      if (expected !== undefined && next() < 0.2) {
        foreign.add(moveAside(bare(), ref));
      }
      return repo.moveRef(ref, to, expected);
    },
  });
  return { foreign, wrap };
};

const WAVE = 5;
const WAVES = 2;

/** Tasks in waves, each of which builds on some of the wave before it. */
const wavesOf = (seed: number) => {
  const next = numbers(seed);
  return Array.from({ length: WAVE * WAVES }, (_, i) => {
    const first = Math.floor(i / WAVE) * WAVE;
    const before = Array.from({ length: first === 0 ? 0 : WAVE }, (_x, j) => `t${first - j}`);
    return played(`t${i + 1}`, { blockedBy: before.filter(() => next() < 0.4) });
  });
};

/**
 * Real merges of one seed, through the real control plane and git, until `merges` have landed: what the oracle says of
 * every move of every run's branch, and how much there was to say it of.
 */
export const mergeAtRandom = async (seed: number, merges: number) => {
  const wrong: string[] = [];
  let bare = "";
  let [landed, moves, foreign, again, returned, conflicts, batches] = [0, 0, 0, 0, 0, 0, 0];
  const rungs: Partial<Record<Rung, number>> = {};
  for (let round = 0; landed < merges; round += 1) {
    const merger = secondMerger(() => bare, seed + round);
    await using line = await mergeLine({
      files: START,
      code: randomCoder(seed + round),
      red: clash,
      gather: true,
      repo: merger.wrap,
      limits: { attempts: 6, planVersions: 1 },
    });
    bare = line.bare;
    watchRefs(bare);
    const run = await line.start(wavesOf(seed + round));
    const state = await line.until(run, over, 280_000);
    if (state.run.status === "failed") wrong.push(`seed ${seed + round}: ${state.run.reasons}`);
    const sight = { bare, state, red: clash, foreign: merger.foreign };
    wrong.push(...violations(sight).map((what) => `seed ${seed + round}: ${what}`));
    const rows = Object.values(state.tasks);
    landed += rows.filter((row) => row.landing !== undefined).length;
    moves += movesOf(bare, run).length;
    foreign += merger.foreign.size;
    again += [...merger.foreign].filter((tip) => isVerifiedOn(line, tip)).length;
    returned += rows.reduce((sum, row) => sum + row.returns, 0);
    conflicts += rows.filter((row) => row.conflictedLanding !== undefined).length;
    for (const rung of rows.flatMap((row) => row.rungs ?? [])) rungs[rung] = (rungs[rung] ?? 0) + 1;
    batches += rows.filter((row) => row.landing?.part?.index === 1).length;
  }
  return { wrong, landed, moves, foreign, again, returned, conflicts, batches, rungs };
};

/** Whether gates ran on what somebody else left there: its tree is nobody's but that commit's. */
const isVerifiedOn = (
  { bare, runs }: Awaited<ReturnType<typeof mergeLine>>,
  tip: string,
): boolean => runs.some(({ landingBaseTree }) => landingBaseTree === treeOf(bare, tip));

const over = ({ run }: RunState): boolean => isEnded(run.status) || run.status === "failed";
