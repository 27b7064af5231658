import type { Gate } from "@headrace/domain";
import type { Mutant } from "../mutants/mutant.ts";
import { chooseMutants, mutantsOf } from "../mutants/mutants-of.ts";
import { classOf } from "../tamper/classes.ts";
import { AT_ONCE, twoAtATime } from "../two-at-a-time.ts";
import { alteredTree, type Finding, OUT_OF_TIME, type Site, testGates } from "./site.ts";

/** One that is caught says that there are tests; more tell how far they reach. */
const MUTANTS = 4;
/** Of a change to more files than this, some are not looked at. */
const MAX_FILES = 60;
/** Nor those after the first that take so long to read: they are made to be slow, and while one is read nothing else is done. */
const MAX_READING_MS = 5000;

/** Runs the change's own tests on it with one of its functions broken at a time: where none is seen, they see nothing. */
export const mutantCheck = async (site: Site): Promise<Finding> => {
  const mutants = chooseMutants(await mutantsIn(site), MUTANTS);
  if (mutants.length === 0)
    return { outcome: "skipped", detail: "no function is new or changed, in a known language" };
  const gates = testGates(site);
  const ended = await twoAtATime(mutants, (mutant) => isCaught(site, mutant, gates));
  const tried = mutants.flatMap((mutant, i) =>
    ended[i] === undefined ? [] : [{ mutant, caught: ended[i] }],
  );
  if (tried.length === 0) return { outcome: "skipped", detail: OUT_OF_TIME };
  const lived = tried.filter(({ caught }) => !caught).map(({ mutant }) => wordsOf(mutant));
  const left = mutants.length - tried.length;
  const untried = left === 0 ? "" : `; for ${left} more ${OUT_OF_TIME}`;
  const which = lived.length === 0 ? "" : `: they are green where ${lived.join("; where ")}`;
  if (lived.length === tried.length)
    return {
      outcome: "flagged",
      detail: `the tests catch none of ${tried.length} mutants${which}${untried}`,
    };
  const caught = tried.length - lived.length;
  return {
    outcome: "pass",
    detail: `${caught} of ${tried.length} mutants caught${which}${untried}`,
  };
};

const wordsOf = ({ functionName, path, line, what }: Mutant): string =>
  `${functionName} (${path}:${line}) ${what}`;

const mutantsIn = async ({ repo, base, commit, changed }: Site): Promise<Mutant[]> => {
  const read = async (at: string, path: string) => {
    const bytes = await repo.read(at, path);
    return bytes && new TextDecoder().decode(bytes);
  };
  const found: Mutant[] = [];
  const files = changed.filter(({ path, after }) => after && classOf(path) === "product");
  let readingMs = 0;
  for (const { path } of files.slice(0, MAX_FILES)) {
    if (readingMs > MAX_READING_MS) break;
    const after = await read(commit, path);
    if (after === undefined) continue;
    const before = await read(base, path);
    const from = performance.now();
    found.push(...mutantsOf({ path, before, after }));
    readingMs += performance.now() - from;
  }
  return found;
};

/** Undefined where time was up before a gate was red. */
const isCaught = async (
  site: Site,
  { path, text }: Mutant,
  gates: readonly Gate[],
): Promise<boolean | undefined> => {
  const { bench, commit, own, permits, time } = site;
  if (time.isUp) return undefined;
  const files = new Map([[path, new TextEncoder().encode(text)]]);
  const { tar } = await alteredTree(site, commit, { files });
  for (const gate of gates) {
    const run = await time.run({ ...bench, tar, baseline: own, permits }, gate, AT_ONCE);
    if (run === undefined) return undefined;
    if (run.result.verdict !== "pass") return true;
  }
  return false;
};
