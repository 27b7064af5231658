import {
  type CallRow,
  type ClassedCall,
  formatUsd,
  formatWork,
  isBooked,
  isEnded,
  type RunState,
  type SpendPart,
  sumKinds,
  TRAILERS,
} from "@headrace/domain";
import { expect, test } from "vitest";
import { git } from "../support/git.ts";
import { type Coder, mergeLine } from "../support/merge-line.ts";

type Line = Awaited<ReturnType<typeof mergeLine>>;

const over = (state: RunState) => isEnded(state.run.status) && isBooked(state);

/** What the calls of each step came to, by the step's name without its run. */
const classesOf = async (line: Line, run: string): Promise<Record<string, SpendPart[]>> => {
  const calls = new Map((await line.store.calls(run)).map((call) => [call.id, call]));
  const parts = (await line.store.classed(run)).map(
    ({ call, parts: of }): [string, SpendPart[]] => [
      calls.get(call)?.step.replace(`${run}-`, "") ?? "",
      of,
    ],
  );
  return Object.fromEntries(parts);
};

const overhead = (kind: string, amount: number) => [{ as: "overhead", kind, amount }];
const waste = (kind: string, amount: number) => [{ as: "waste", kind, amount }];

/** Every call of a played line costs the same. */
const priceOf = (calls: readonly CallRow[]): number => calls[0]?.cost ?? 0;

const expectConserved = async (line: Line, run: string) => {
  const totals = await line.store.totals(run);
  const { run: row, tasks } = await line.state(run);
  const classed: ClassedCall[] = await line.store.classed(run);
  const sum = classed.flatMap(({ parts }) => parts).reduce((all, { amount }) => all + amount, 0);
  expect(totals).toEqual({ settled: row.spent, inFlight: 0, ...spendOf(row) });
  expect(sum).toBe(row.spent);
  for (const { spent, spend } of Object.values(tasks)) {
    const { converted = 0, overhead: needed = {}, waste: lost = {} } = spend ?? {};
    expect(converted + sumKinds(needed) + sumKinds(lost)).toBe(spent);
  }
};
const spendOf = ({ spend }: RunState["run"]) => ({
  converted: spend?.converted ?? 0,
  overhead: spend?.overhead ?? {},
  waste: spend?.waste ?? {},
});

const trailerOf = (line: Line, commit: string): string =>
  git(line.bare, "log", "-1", `--format=%(trailers:key=${TRAILERS.cost},valueonly)`, commit).trim();

/** Attempt 1 writes four lines and is red; attempt 2 keeps three of them and writes one anew. */
const atSecond: Coder = (files, { task, attempt }) => ({
  ...files,
  [`${task}.txt`]: attempt === 1 ? "a\nb\nc\nbad\n" : "a\nb\nc\ngood\n",
});

test("a landed task's attempts are converted by their lines, its trailer says so, and nothing is booked twice", async () => {
  await using line = await mergeLine({
    code: atSecond,
    red: (files) => (files["one.txt"] ?? "").includes("bad"),
  });
  const run = await line.start(["one"]);
  const state = await line.until(run, over);
  expect(state.run.status).toBe("complete");
  const calls = await line.store.calls(run);
  const [price, commit] = [priceOf(calls), state.tasks.one?.landing?.commit ?? ""];
  expect(price).toBeGreaterThan(0);
  const classes = await classesOf(line, run);
  expect(classes).toEqual({
    "one-code-1": [
      { as: "converted", commit, amount: (3 * price) / 4 },
      { as: "waste", kind: "rejected", amount: price / 4 },
    ],
    "one-code-2": [{ as: "converted", commit, amount: price }],
    "one-review-2": overhead("review", price),
    "end-accept-1": overhead("verification", price),
  });
  await expectConserved(line, run);
  const converted = (7 * price) / 4;
  expect(state.tasks.one).toMatchObject({ spent: 3 * price, spend: { converted } });
  const work = calls[0]?.work ?? 0;
  expect(trailerOf(line, commit)).toBe(
    `${formatUsd(3 * price)}, ${formatUsd(converted)} of it converted; ` +
      `${formatWork(3 * work)}, ${formatWork((7 * work) / 4)} of it converted`,
  );
  await line.restart();
  await line.settled(run);
  expect(await classesOf(line, run)).toEqual(classes);
  const told = (await line.events(run)).filter(({ type }) => type === "spend.classed");
  expect(told).toHaveLength(2);
});

test("what was joined after a conflict is conflict work, and the lines of the attempt before it are converted", async () => {
  const sameLine: Coder = (files, { task, attempt }) =>
    attempt === 1
      ? { ...files, "list.txt": `${task}\n`, [`${task}.txt`]: "x\ny\n" }
      : { ...files, joined: "" };
  await using line = await mergeLine({
    code: sameLine,
    files: { "list.txt": "none\n" },
    gather: true,
  });
  const run = await line.start(["t1", "t2"]);
  const state = await line.until(run, over);
  expect(state.run.status).toBe("complete");
  expect(state.tasks.t2).toMatchObject({ status: "landed", attempts: 2 });
  const price = priceOf(await line.store.calls(run));
  const commit = state.tasks.t2?.landing?.commit ?? "";
  expect(await classesOf(line, run)).toMatchObject({
    "t2-code-1": [{ as: "converted", commit, amount: price }],
    "t2-code-2": waste("conflict_redo", price),
    "t2-review-1": overhead("review", price),
    "t2-review-2": overhead("review", price),
  });
  await expectConserved(line, run);
});

test("a task that is given up is abandoned, and a run that is cancelled leaves nothing in flight", async () => {
  await using line = await mergeLine({
    code: atSecond,
    red: (files) => Object.keys(files).includes("one.txt"),
    limits: { planVersions: 1 },
  });
  const run = await line.start(["one", "two"]);
  const state = await line.until(run, over);
  expect(state.tasks.one?.status).toBe("quarantined");
  const price = priceOf(await line.store.calls(run));
  expect(await classesOf(line, run)).toMatchObject({
    "one-code-1": waste("abandoned", price),
    "one-code-2": waste("abandoned", price),
    "one-code-3": waste("abandoned", price),
  });
  await expectConserved(line, run);
  const next = await line.start(["two", "three"]);
  await line.until(next, ({ tasks }) => tasks.two?.change !== undefined);
  await line.commands().cancel(next, "enough");
  await line.settled(next);
  await line.until(next, over);
  await expectConserved(line, next);
});

test("what could not be booked after a landing is said, and booked by the factory that comes next", async () => {
  let isAway = true;
  let landed = false;
  await using line = await mergeLine({
    code: atSecond,
    repo: (real) => ({
      ...real,
      lineChanges: async (from, to) => {
        if (landed && isAway) throw new Error("the disk is away");
        return real.lineChanges(from, to);
      },
    }),
  });
  line.store.onCommit((_, events) => {
    landed ||= events.some(({ type }) => type === "merge.landed");
  });
  const run = await line.start(["one"]);
  const said = `spend of ${run}: Error: the disk is away`;
  await line.until(run, ({ run: { status } }) => status === "complete");
  const lost = await line.until(run, () => line.logged.join().includes(said));
  expect(isBooked(lost)).toBe(false);
  isAway = false;
  await line.restart();
  await line.until(run, over);
  await expectConserved(line, run);
  expect((await line.store.totals(run)).converted).toBeGreaterThan(0);
});
