import { z } from "zod";
import { isRegenerable } from "./lockfiles.ts";

/**
 * What a conflict that no rule joins comes to: the lockfile is made again from the merged manifests · its author gets
 * both sides · the merger edits the conflicted files on a tip that holds still · the task is done anew on what has
 * landed, the old change for reference only · nothing is left to try.
 */
export const Rung = z.enum(["lockfile", "author", "merger", "rewrite", "quarantine"]);
export type Rung = z.infer<typeof Rung>;

/** As a person reads it behind the files in conflict. */
export const RUNG_WORDS: Readonly<Record<Rung, string>> = {
  lockfile: "the package manager writes the lockfile again",
  author: "back to its coder, with both sides",
  merger: "the merger joins them",
  rewrite: "to be done anew on what has landed",
  quarantine: "nothing is left to try",
};

/** In this order, each at most so many times for one task, however often it conflicts. */
const LADDER: ReadonlyArray<{ rung: Rung; times: number }> = [
  { rung: "lockfile", times: 3 },
  { rung: "author", times: 1 },
  { rung: "merger", times: 1 },
  { rung: "rewrite", times: 1 },
  { rung: "quarantine", times: Number.POSITIVE_INFINITY },
];

/** Rungs on which the task's coder works again. Such an attempt is not counted against the limit of attempts. */
const OF_CODER: readonly Rung[] = ["author", "rewrite"];

type Conflict = {
  files: readonly string[];
  permits: readonly string[];
  /** rungs that were taken for this task, oldest first */
  tried: readonly Rung[];
  /** the rung this conflict was on when it came up last: it goes on there, without being counted again */
  at?: Rung | undefined;
  /** the rung that has just failed on it: only those below are left */
  after?: Rung | undefined;
};

/** The rung for a conflict. */
export const nextRung = ({ files, permits, tried, at, after }: Conflict): Rung => {
  const place = (rung: Rung | undefined) => LADDER.findIndex((one) => one.rung === rung);
  const from = after === undefined ? Math.max(0, place(at)) : place(after) + 1;
  const applies = (rung: Rung) =>
    rung !== "lockfile" || (permits.includes("lockfile") && files.every(isRegenerable));
  const isLeft = (rung: Rung, times: number) =>
    rung === at || tried.filter((one) => one === rung).length < times;
  const found = LADDER.slice(from).find(({ rung, times }) => applies(rung) && isLeft(rung, times));
  return found?.rung ?? "quarantine";
};

/** Attempts a task may have beyond the limit: each that a conflict cost it. */
export const extraAttempts = (rungs: readonly Rung[]): number =>
  rungs.filter((rung) => OF_CODER.includes(rung)).length;
