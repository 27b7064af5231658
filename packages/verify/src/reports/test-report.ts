import { createHash } from "node:crypto";
import { plainLine } from "@headrace/domain";

export type TestOutcome = "passed" | "failed" | "skipped" | "todo";
export type Told = { name: string; outcome: TestOutcome };

/** What test runners told of one gate. Names are unique: file > suite > test, with `#2` and so on for repeats. */
export type TestReport = { runner: string; tests: Told[] };

/** Why a report that there is cannot be read, in words that follow "it" or a colon. */
export class UnreadableReport extends Error {
  override readonly name = "UnreadableReport";
}

const MAX_TESTS = 50_000;
/** More than this no gate has, and naming them would take the factory long. */
const MAX_TOLD = 200_000;
const MAX_NAME = 500;
/** of a name that is cut, so that two long ones stay two */
const DIGEST = 16;
/** for ` #50000` */
const ROOM = 7;
/** Where gates run: a name says where in the repository. */
const WORKSPACE = "/workspace/";

/** Most telling first: what is left out of a report that is too long has passed. */
const ORDER: readonly TestOutcome[] = ["failed", "skipped", "todo", "passed"];

const nameOf = (told: string): string => {
  const inside = told.startsWith(WORKSPACE) ? told.slice(WORKSPACE.length) : told;
  const name = plainLine(inside.toWellFormed(), Number.POSITIVE_INFINITY) || "(no name)";
  if (name.length <= MAX_NAME - ROOM) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, DIGEST);
  return `${name.slice(0, MAX_NAME - ROOM - DIGEST - 2).toWellFormed()}… ${digest}`;
};

/** Throws where there are more than any gate has. */
export const boundTold = (count: number): void => {
  if (count > MAX_TOLD) throw new UnreadableReport(`it tells of more than ${MAX_TOLD} tests`);
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One report of what was told in any order: the same for the same tests, whoever ended first. */
export const reportOf = (runner: string, told: readonly Told[]): TestReport => {
  const sorted = told
    .map(({ name, outcome }) => ({ name: nameOf(name), outcome }))
    .sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome) || compare(a.name, b.name))
    .slice(0, MAX_TESTS);
  const seen = new Map<string, number>();
  const tests = sorted.map(({ name, outcome }) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return { name: times === 1 ? name : `${name} #${times}`, outcome };
  });
  return { runner, tests: tests.sort((a, b) => compare(a.name, b.name)) };
};
