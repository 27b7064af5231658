import { globMatcher, plainLine, type TestOutcomes } from "@headrace/domain";

const MAX_NAMED = 20;
const MAX_NAME = 80;

type Test = TestOutcomes[number];

export const isSkipped = ({ outcome }: Test): boolean =>
  outcome === "skipped" || outcome === "todo";

export const failing = (tests: TestOutcomes): string[] =>
  tests.filter(({ outcome }) => outcome === "failed").map(({ name }) => name);

/** `3 tests fail: a; b; c`, with no more names than a person reads. */
export const listed = (names: readonly string[], one: string, many: string): string => {
  const told = names.slice(0, MAX_NAMED).map((name) => plainLine(name, MAX_NAME));
  const rest = names.length > MAX_NAMED ? `; and ${names.length - MAX_NAMED} more` : "";
  return `${names.length} ${names.length === 1 ? one : many}: ${told.join("; ")}${rest}`;
};

/**
 * Tests that a task may remove or skip: all of a gate it may reconfigure, and those of files that a `path:` permit
 * opens, where the runner names the file first.
 */
export const permittedTests = (
  gate: string,
  permits: readonly string[],
): ((name: string) => boolean) => {
  if (permits.includes(`gates:${gate}`)) return () => true;
  const opened = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  return (name) => opened(fileOf(name));
};

/** What a runner names first. */
const fileOf = (name: string): string => name.split(" > ", 1)[0] ?? "";

/**
 * Tests of the base that are not there any more, and that no other stands for: of its file, where it was renamed; of its
 * name, where it was moved; of a new file, where its own is gone. What may go leaves no gap.
 */
export const gone = (
  tests: TestOutcomes,
  base: TestOutcomes,
  permitted: (name: string) => boolean,
): string[] => {
  const [now, before] = [namesOf(tests), namesOf(base)];
  const lost = [...before].filter((name) => !now.has(name) && !permitted(name));
  const gained = [...now].filter((name) => !before.has(name));
  const { lost: missing, gained: fresh } = unmoved(lost, gained);
  const lostIn = Map.groupBy(missing, placeAmong(now));
  const gainedIn = Map.groupBy(fresh, placeAmong(before));
  return [...lostIn].flatMap(([place, names]) =>
    (gainedIn.get(place)?.length ?? 0) < names.length ? names : [],
  );
};

/** A test's own name, without its file and suites, and without the number of a repeated one. */
const titleOf = (name: string): string => (name.split(" > ").at(-1) ?? "").replace(/ #\d+$/, "");

/** Both without the pairs that have one name in two places. */
const unmoved = (lost: readonly string[], gained: readonly string[]) => {
  const arrived = Map.groupBy(gained, titleOf);
  const missing = lost.filter((name) => arrived.get(titleOf(name))?.pop() === undefined);
  return { lost: missing, gained: [...arrived.values()].flat() };
};

/** The file of a test, where these have tests of it too, and one place for all that is in other files. */
const placeAmong = (names: ReadonlySet<string>): ((name: string) => string) => {
  const files = new Set([...names].map(fileOf));
  return (name) => (files.has(fileOf(name)) ? fileOf(name) : "");
};

/**
 * Tests that ran on the base and are skipped now, and new ones that are skipped, where more are than on the base. A test
 * under a new name may be one that ran: it is no skip of the base that was renamed, unless all that ran there run now.
 */
export const newlySkipped = (
  tests: TestOutcomes,
  base: TestOutcomes,
  permitted: (name: string) => boolean,
): string[] => {
  const [before, skippedBefore] = [namesOf(base), namesOf(base.filter(isSkipped))];
  const [now, ran] = [namesOf(tests), namesOf(tests.filter((test) => !isSkipped(test)))];
  const newly = [...now].filter(
    (name) => !ran.has(name) && !skippedBefore.has(name) && !permitted(name),
  );
  if (newly.some((name) => before.has(name))) return newly;
  const leftOut = [...skippedBefore].filter((name) => !now.has(name));
  const moved = unmoved(leftOut, newly);
  const lost = [...before].filter(
    (name) => !skippedBefore.has(name) && !ran.has(name) && !permitted(name),
  );
  const fresh = [...ran].filter((name) => !before.has(name));
  const renamed = unmoved(lost, fresh).lost.length > 0 ? 0 : moved.lost.length;
  const freed = [...skippedBefore].filter((name) => ran.has(name)).length;
  return moved.gained.length > freed + renamed ? moved.gained : [];
};

/** Of those names, tests of which a run tells neither that they passed nor that they failed. */
export const neverTold = (tests: TestOutcomes, names: Iterable<string>): string[] => {
  const ran = namesOf(tests.filter((test) => !isSkipped(test)));
  return [...names].filter((name) => !ran.has(name));
};

const namesOf = (tests: TestOutcomes): Set<string> => new Set(tests.map(({ name }) => name));
