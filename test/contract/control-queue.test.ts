import { isEnded, type RunState, type StoredEvent, threadId } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import type { Files } from "../support/flat-trees.ts";
import { mergeLine } from "../support/merge-line.ts";
import { played } from "../support/played-line.ts";

const ended = ({ run }: RunState) => isEnded(run.status) || run.status === "failed";
const names = (n: number) => Array.from({ length: n }, (_, i) => `t${i + 1}`);
/** Each task adds a file of its own; one that came back adds another. */
const ownFile = (files: Files, { task, attempt }: { task: string; attempt: number }): Files => ({
  ...files,
  [attempt === 1 ? `${task}.txt` : `${task}-again.txt`]: `${task} ${attempt}\n`,
  ...(attempt === 1 ? {} : { [`${task}.txt`]: "mended\n" }),
});
const has = (files: Files, task: string) => files[`${task}.txt`] === `${task} 1\n`;

/** How often a batch was verified, whole or in part, that an attempt was in. */
const verifiedWith = (state: RunState, wanted: { task: string; attempt: number }): number =>
  Object.values(state.steps).filter(
    ({ thread, result }) =>
      result?.kind === "verify" &&
      thread.kind === "landing" &&
      state.threads[`landing/${thread.id}`]?.members?.some(
        ({ task, attempt }) => task === wanted.task && attempt === wanted.attempt,
      ),
  ).length;

const landingsOf = (events: readonly StoredEvent[]) =>
  events.flatMap((e) =>
    e.type === "merge.landed" ? [[e.task, e.part && `${e.part.index}/${e.part.of}`]] : [],
  );

describe("the merge queue", () => {
  test.each([
    [1, 5],
    [5, 5],
    [6, 5],
    [8, 3],
    [4, 1],
  ])("verifies %i green changes in batches of %i", async (n, batch) => {
    await using line = await mergeLine({ code: ownFile, gather: true });
    const run = await line.start(names(n), { merge: { batch } });
    const state = await line.until(run, ended);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect(landingsOf(await line.events(run))).toHaveLength(n);
    expect(Object.keys(await line.merged(run))).toHaveLength(n + 1);
    // a first landing alone stands on the tip its attempt was verified on: that verification is not repeated
    const reused = Math.min(n, batch) === 1 ? 1 : 0;
    expect(line.verifications(state)).toBe(Math.ceil(n / batch) - reused);
    expect(line.runs).toHaveLength(2 + n + Math.ceil(n / batch) - reused);
  });

  test("lands the seven good ones of eight and sends back the culprit with its own red run", async () => {
    await using line = await mergeLine({
      code: ownFile,
      // alone and green; red beside anything else
      red: (files) => has(files, "t4") && names(8).some((t) => t !== "t4" && has(files, t)),
      gather: true,
    });
    const run = await line.start(names(8));
    const state = await line.until(run, ended);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    const back = (await line.events(run)).filter((e) => e.type === "task.returned");
    expect(back).toMatchObject([
      {
        task: "t4",
        reason: "red after merging onto t1, t2, t3, green without it: test exit 1",
      },
    ]);
    const red = state.receipts[state.tasks.t4?.returned?.receipt ?? ""];
    expect(red?.results).toMatchObject([{ verdict: "fail" }]);
    const [coder] = Object.values(state.steps).filter((s) => s.id.endsWith("-t4-code-2"));
    expect(JSON.stringify(coder?.input)).toContain("the gate said fail");
    expect(Object.values(state.tasks).map((t) => t.attempts)).toEqual([1, 1, 1, 2, 1, 1, 1, 1]);
    // a batch costs one run where all is green: the culprit costs six more at most, and nothing once it is mended
    const blamed = verifiedWith(state, { task: "t4", attempt: 1 });
    expect(blamed - 1).toBeLessThanOrEqual(6);
    expect(line.verifications(state) - blamed).toBe(1);
    expect(verifiedWith(state, { task: "t4", attempt: 2 })).toBe(1);
    expect(landingsOf(await line.events(run)).slice(0, 3)).toEqual([
      ["t1", "1/3"],
      ["t2", "2/3"],
      ["t3", "3/3"],
    ]);
  });

  test("never lands two changes that are green alone and red together", async () => {
    const both = (files: Files) => has(files, "t1") && has(files, "t2");
    await using line = await mergeLine({ code: ownFile, red: both, gather: true });
    const run = await line.start(names(2));
    const state = await line.until(run, ended);
    expect(state.run.status).toBe("complete");
    expect(state.tasks).toMatchObject({ t1: { attempts: 1 }, t2: { attempts: 2, returns: 1 } });
    expect(both(await line.merged(run))).toBe(false);
  });

  test("blames nobody for a gate that is red once by chance", async () => {
    let chance = 0;
    await using line = await mergeLine({
      code: ownFile,
      red: (files) => names(3).every((t) => has(files, t)) && chance++ === 0,
      gather: true,
    });
    const run = await line.start(names(3));
    const state = await line.until(run, ended);
    expect(Object.values(state.tasks).map((t) => t.returns)).toEqual([0, 0, 0]);
    expect(line.verifications(state)).toBe(2);
  });

  test("leaves what does not merge out of the stack, and sends it back when its turn comes", async () => {
    const line5 = (files: Files, { task, attempt }: { task: string; attempt: number }): Files => {
      // the author finds both sides joined
      if (attempt > 1) return { ...files, [`${task}.txt`]: "joined\n" };
      const number = task === "t3" ? 30 : 5;
      const lines = (files["list.txt"] ?? "").split("\n");
      lines[number] = `${task} was here`;
      return { ...files, "list.txt": lines.join("\n") };
    };
    const list = Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join("");
    await using line = await mergeLine({ code: line5, files: { "list.txt": list }, gather: true });
    const run = await line.start(names(3));
    const state = await line.until(run, ended);
    expect(state.run.status).toBe("complete");
    expect(landingsOf(await line.events(run))).toEqual([
      ["t1", "1/2"],
      ["t3", "2/2"],
      ["t2", undefined],
    ]);
    expect(state.tasks.t2).toMatchObject({ attempts: 2, conflictedLanding: "t2-1" });
    expect((await line.merged(run))["list.txt"]).toMatch(/t1 was here\nt2 was here/);
  });

  test("merges what most work waits for first", async () => {
    await using line = await mergeLine({ code: ownFile, gather: true });
    const tasks = [played("t1"), played("t2"), played("t3", { blockedBy: ["t2"] })];
    const run = await line.start(tasks);
    await line.until(run, ended);
    expect(landingsOf(await line.events(run)).map(([task]) => task)).toEqual(["t2", "t1", "t3"]);
  });
});

test("a factory that goes away anywhere in a bisection ends the same, and runs no gate twice for it", async () => {
  const options = {
    code: ownFile,
    red: (files: Files) => has(files, "t3") && names(4).some((t) => t !== "t3" && has(files, t)),
    gather: true,
  };
  const travel = async (stops: readonly number[]) => {
    await using line = await mergeLine(options);
    const run = await line.start(names(4));
    for (const at of stops) {
      const landing = (s: RunState) =>
        Object.values(s.steps).filter((x) => x.thread.kind === "landing").length;
      await line.until(run, (s) => ended(s) || landing(s) >= at);
      const { threads } = await line.state(run);
      for (const { kind, id } of Object.values(threads))
        await line.checkpoints.deleteThread(threadId({ run, kind, id }));
      await line.restart();
    }
    const state = await line.until(run, ended);
    const landed = landingsOf(await line.events(run));
    const verified = line.verifications(state);
    return { status: state.run.status, landed, verified, files: await line.merged(run) };
  };
  const straight = await travel([]);
  expect(straight.status).toBe("complete");
  expect(await travel([1, 2, 3])).toEqual(straight);
  expect(await travel([4, 5, 6, 7])).toEqual(straight);
});
