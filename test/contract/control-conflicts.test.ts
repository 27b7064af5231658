import { isEnded, type RunState, type StoredEvent, threadId } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import type { Files } from "../support/flat-trees.ts";
import { moveAside, treeOf } from "../support/landing-oracle.ts";
import { type Coder, keepBoth, mergeLine } from "../support/merge-line.ts";

const over = ({ run }: RunState) => isEnded(run.status) || run.status === "failed";
const LIST = Array.from({ length: 12 }, (_, i) => `line ${i}\n`).join("");
const mine = (task: string) => `${task} was here\n`;

/** Every task writes the sixth line of the same list; what is joined already is left so. */
const sameLine: Coder = (files, { task }) => {
  const list = files["list.txt"] ?? "";
  if (list.includes(mine(task))) return { ...files, [`${task}.txt`]: "joined\n" };
  const free = list.includes("line 5\n");
  return { ...files, "list.txt": free ? list.replace("line 5\n", mine(task)) : list + mine(task) };
};

const rungs = (events: readonly StoredEvent[]) =>
  events.flatMap((e) => (e.type === "merge.conflicted" ? [e.rung] : []));
const returnsOf = (events: readonly StoredEvent[]) =>
  events.flatMap((e) => (e.type === "task.returned" ? [[e.rung, e.reason]] : []));
const coderOf = (state: RunState, task: string, attempt: number): string =>
  JSON.stringify(
    Object.values(state.steps).find(({ id }) => id.endsWith(`-${task}-code-${attempt}`))?.input,
  );

describe("a change that does not merge with what has landed", () => {
  test("goes back to its author with both sides, and lands with both", async () => {
    await using line = await mergeLine({
      code: sameLine,
      files: { "list.txt": LIST },
      gather: true,
    });
    const run = await line.start(["t1", "t2"]);
    const state = await line.until(run, over);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    const events = await line.events(run);
    expect(rungs(events)).toEqual(["author"]);
    expect(returnsOf(events)).toEqual([["author", "conflict in list.txt with what has landed"]]);
    const told = coderOf(state, "t2", 2);
    expect(told).toContain("+t1 was here");
    expect(told).toContain("+t2 was here");
    expect(told).toContain('"files":["list.txt"],"id":"t1"');
    expect((await line.merged(run))["list.txt"]).toContain("t1 was here\nt2 was here\n");
  });

  test("is not landed by an author who drops what landed, and the lines are named", async () => {
    const careless: Coder = (files, { task, attempt }) => {
      if (task !== "t2" || attempt === 1) return sameLine(files, { task, attempt });
      const list = files["list.txt"] ?? "";
      return attempt === 2
        ? { ...files, "list.txt": list.replace(mine("t1"), "") }
        : { ...files, "list.txt": list.replace(mine("t2"), mine("t1") + mine("t2")) };
    };
    await using line = await mergeLine({
      code: careless,
      files: { "list.txt": LIST },
      gather: true,
    });
    const run = await line.start(["t1", "t2"]);
    const state = await line.until(run, over);
    expect(state.run.status).toBe("complete");
    expect(state.tasks.t2).toMatchObject({ attempts: 3, returns: 1 });
    expect(coderOf(state, "t2", 3)).toContain("list.txt has lost what landed before: t1 was here");
    expect((await line.merged(run))["list.txt"]).toContain("t1 was here\nt2 was here\n");
  });

  test("is not landed by an author who leaves the markers", async () => {
    const lazy: Coder = (files, at) =>
      at.task === "t2" && at.attempt === 2
        ? { ...files, "other.txt": "new\n" }
        : sameLine(keepBoth(files), at);
    await using line = await mergeLine({
      code: lazy,
      markers: true,
      files: { "list.txt": LIST },
      gather: true,
    });
    const run = await line.start(["t1", "t2"]);
    const state = await line.until(run, over);
    expect(coderOf(state, "t2", 3)).toContain("list.txt still holds conflict markers");
    expect(state.run.status).toBe("complete");
  });
});

/**
 * t1, t2 and t3 want one line, and whoever of them lands next conflicts with the others: so t3's own resolution meets
 * another conflict, and it goes down the whole ladder.
 */
const ladder = async (options: Parameters<typeof mergeLine>[0]) => {
  await using line = await mergeLine({ files: { "list.txt": LIST }, gather: true, ...options });
  const run = await line.start(["t1", "t2", "t3"], { merge: { batch: 1 } });
  const state = await line.until(run, over);
  return { state, events: await line.events(run), files: await line.merged(run) };
};

describe("a change that conflicts again after its author joined it", () => {
  test("is given to the merger, who joins it on a tip that holds still", async () => {
    const { state, events, files } = await ladder({ code: sameLine });
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect(rungs(events)).toEqual(["author", "author", "merger"]);
    for (const task of ["t1", "t2", "t3"]) expect(files["list.txt"]).toContain(mine(task));
    expect(state.tasks.t3).toMatchObject({ attempts: 2, rungs: ["author", "merger"] });
  });

  test.each<[string, RegExp, Partial<Parameters<typeof mergeLine>[0]>]>([
    [
      "drops what has landed",
      /the resolution was refused: list\.txt has lost what landed before: t2 was here/,
      {
        merge: (files) => ({
          ...files,
          "list.txt": (keepBoth(files)["list.txt"] ?? "").replace(mine("t2"), ""),
        }),
      },
    ],
    [
      "makes a tree that is red",
      /red after merging onto the tip: test exit 1/,
      {
        merge: (files) => ({
          ...files,
          "list.txt": (keepBoth(files)["list.txt"] ?? "").concat("wrong\n"),
        }),
        red: (files) => files["list.txt"]?.includes("wrong\n") ?? false,
      },
    ],
  ])("is done anew when the merger %s", async (_, reason, bug) => {
    const { state, events, files } = await ladder({ code: sameLine, ...bug });
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect(rungs(events)).toEqual(["author", "author", "merger", "rewrite"]);
    expect(returnsOf(events).at(-1)?.[1]).toMatch(reason);
    const told = coderOf(state, "t3", 3);
    expect(told).toContain('"discarded":{"diff":');
    expect(told).not.toContain('"previous"');
    // the new attempt stands on what has landed, without the old work in it
    expect(state.steps[`${state.run.id}-t3-prepare-3`]).toBeUndefined();
    expect(files["list.txt"]).toContain("t1 was here\nt2 was here\n");
    expect(state.tasks.t3).toMatchObject({ attempts: 3, status: "landed" });
  });
});

test("a change that conflicts when nothing is left to try is quarantined, and the rest lands", async () => {
  const tasks = Array.from({ length: 5 }, (_, i) => `t${i + 1}`);
  const always: Coder = (files, { task, attempt }) => ({
    ...files,
    "list.txt": `${files["list.txt"] ?? ""}`.replace("line 5\n", `line 5\n${task} ${attempt}\n`),
  });
  await using line = await mergeLine({
    code: always,
    files: { "list.txt": LIST },
    merge: (files) => ({ ...files, "elsewhere.txt": "x\n" }),
    gather: true,
    limits: { planVersions: 1 },
  });
  const run = await line.start(tasks, { merge: { batch: 1 } });
  const state = await line.until(run, over);
  const given = Object.values(state.tasks).filter((row) => row.status === "quarantined");
  expect(given.length).toBeGreaterThan(0);
  for (const row of given) {
    expect(row.rungs).toEqual(["author", "merger", "rewrite", "quarantine"]);
    expect(row.reason).toMatch(/^nothing is left to try: conflict in list\.txt/);
  }
  for (const row of Object.values(state.tasks))
    if (!given.includes(row)) expect(row.status).toBe("landed");
});

test("a factory that goes away on any rung of the ladder ends the same", async () => {
  const options = {
    code: sameLine,
    merge: (files: Files) => ({ ...keepBoth(files), "other.txt": "mine\n" }),
    files: { "list.txt": LIST },
    gather: true,
  };
  const travel = async (stops: readonly number[]) => {
    await using line = await mergeLine(options);
    const run = await line.start(["t1", "t2", "t3"], { merge: { batch: 1 } });
    for (const at of stops) {
      await line.until(run, (s) => over(s) || Object.keys(s.steps).length >= at);
      const { threads } = await line.state(run);
      for (const { kind, id } of Object.values(threads))
        await line.checkpoints.deleteThread(threadId({ run, kind, id }));
      await line.restart();
    }
    const state = await line.until(run, over);
    const told = rungs(await line.events(run));
    const steps = Object.keys(state.steps)
      .map((id) => id.slice(run.length))
      .toSorted();
    return { status: state.run.status, told, steps, files: await line.merged(run) };
  };
  const straight = await travel([]);
  expect(straight.status).toBe("complete");
  // away on every rung, at another place of each round: one trip shows what several would
  const third = Math.floor(straight.steps.length / 3);
  expect(await travel([0, 4, 6, 10, 12, 16].map((more) => third + more))).toEqual(straight);
}, 180_000);

test("a resolution that somebody else gets in the way of is made again on the same rung, whatever is forgotten", async () => {
  let [moves, bare, stood, theirs] = [0, "", "", ""];
  await using line = await mergeLine({
    code: sameLine,
    files: { "list.txt": LIST },
    gather: true,
    repo: (repo) => ({
      ...repo,
      async moveRef(ref, to, expected) {
        moves += expected === undefined ? 0 : 1;
        if (moves === 3) {
          stood = treeOf(bare, expected ?? "");
          theirs = treeOf(bare, moveAside(bare, ref));
        }
        return repo.moveRef(ref, to, expected);
      },
    }),
  });
  bare = line.bare;
  const run = await line.start(["t1", "t2", "t3"], { merge: { batch: 1 } });
  await line.until(run, (s) => over(s) || s.tasks.t3?.conflict?.rounds[2] !== undefined);
  for (const { kind, id } of Object.values((await line.state(run)).threads))
    await line.checkpoints.deleteThread(threadId({ run, kind, id }));
  await line.restart();
  const state = await line.until(run, over);
  expect(state.run).toMatchObject({ status: "complete", reasons: [] });
  expect(rungs(await line.events(run))).toEqual(["author", "author", "merger", "merger"]);
  expect(state.tasks.t3).toMatchObject({ attempts: 2, rungs: ["author", "merger"] });
  // both rounds were verified, each on the base of its own; the green of the first is not taken for the second
  const bases = line.runs.map(({ landingBaseTree }) => landingBaseTree);
  expect(bases.slice(-2)).toEqual([stood, theirs]);
  const receipt = state.receipts[state.tasks.t3?.landing?.receipt ?? ""];
  expect(receipt?.key.landingBaseTree).toBe(theirs);
});

test("a branch that somebody else keeps moving pauses the run with a reason, and is landed on when that ends", async () => {
  let meddling = true;
  let bare = "";
  const theirs: string[] = [];
  await using line = await mergeLine({
    code: (files, { task }) => ({ ...files, [`${task}.txt`]: "x\n" }),
    repo: (repo) => ({
      ...repo,
      async moveRef(ref, to, expected) {
        if (meddling && expected !== undefined) {
          theirs.push(treeOf(bare, moveAside(bare, ref)));
        }
        return repo.moveRef(ref, to, expected);
      },
    }),
  });
  bare = line.bare;
  const run = await line.start(["t1"]);
  const paused = await line.until(run, (s) => over(s) || s.run.status === "paused");
  expect(paused.run.status).toBe("paused");
  const told = (await line.events(run)).filter((e) => e.type === "run.paused");
  expect(told).toMatchObject([
    { reason: expect.stringMatching(/moved .* 8 times.*resume the run/) },
  ]);
  meddling = false;
  await line.commands().resume(run);
  const state = await line.until(run, over);
  expect(state.run).toMatchObject({ status: "complete", reasons: [] });
  expect(state.tasks.t1?.status).toBe("landed");
  expect(theirs.length).toBeGreaterThanOrEqual(8);
  // the attempt's own run, and one on each base that the branch was moved to
  expect(line.runs.map(({ landingBaseTree }) => landingBaseTree).slice(-theirs.length)).toEqual(
    theirs,
  );
});
