import { isEnded, type RunState, type StoredEvent, threadId } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import type { Files } from "../support/flat-trees.ts";
import { type Coder, mergeLine } from "../support/merge-line.ts";
import { played } from "../support/played-line.ts";

const over = ({ run }: RunState) => isEnded(run.status) || run.status === "failed";
const LIST = Array.from({ length: 12 }, (_, i) => `line ${i}\n`).join("");
const rungs = (events: readonly StoredEvent[]) =>
  events.flatMap((e) => (e.type === "merge.conflicted" ? [e.rung] : []));

describe("what needs nobody's judgement", () => {
  const log: Coder = (files, { task }) => ({
    ...files,
    "CHANGELOG.md": `${files["CHANGELOG.md"]}- ${task}\n`,
  });
  const start = { "CHANGELOG.md": "# Changes\n" };

  test("is joined by rule: a declared list keeps all lines, in one batch, with its proof", async () => {
    await using line = await mergeLine({ code: log, files: start, gather: true });
    const run = await line.start(["t1", "t2", "t3"], {
      merge: { batch: 5, union: ["CHANGELOG.md"] },
    });
    const state = await line.until(run, over);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect((await line.merged(run))["CHANGELOG.md"]).toBe("# Changes\n- t1\n- t2\n- t3\n");
    expect(rungs(await line.events(run))).toEqual([]);
    expect(line.verifications(state)).toBe(1);
    const predicted = (await line.events(run)).filter((e) => e.type === "conflict.predicted");
    expect(predicted).toEqual([]);
  });

  test("is left to the ladder where a side changed a line of the list", async () => {
    const retitle: Coder = (files, at) => ({
      ...files,
      "CHANGELOG.md": `${files["CHANGELOG.md"]?.replace("# Changes", `# ${at.task}`)}- ${at.task}\n`,
    });
    await using line = await mergeLine({ code: retitle, files: start, gather: true });
    const run = await line.start(["t1", "t2"], { merge: { batch: 5, union: ["*.md"] } });
    await line.until(run, over);
    expect(rungs(await line.events(run))[0]).toBe("author");
  });

  test("stops the run when the list that landed is not what the rule makes of its sides", async () => {
    await using line = await mergeLine({
      code: log,
      files: start,
      gather: true,
      repo: (repo) => ({
        ...repo,
        alter: (commit, how) =>
          repo.alter(
            commit,
            "files" in how
              ? { files: new Map([...how.files.keys()].map((k) => [k, Buffer.from("# Lost\n")])) }
              : how,
          ),
      }),
    });
    const run = await line.start(["t1", "t2"], { merge: { batch: 5, union: ["CHANGELOG.md"] } });
    const state = await line.until(run, over);
    expect(state.run.status).toBe("failed");
    expect(state.run.reasons.join()).toMatch(/CHANGELOG\.md does not hold both sides' lines/);
  });

  const locks: Coder = (files, { task }) => ({
    ...files,
    [`dep-${task}.txt`]: "1\n",
    "package-lock.json": `${JSON.stringify([...JSON.parse(files["package-lock.json"] ?? "[]"), task])}\n`,
  });
  const relock = (files: Files): Files => ({
    ...files,
    "package-lock.json": `${JSON.stringify(
      Object.keys(files).flatMap((name) => /^dep-(.*)\.txt$/.exec(name)?.[1] ?? []),
    )}\n`,
  });
  const tasks = ["t1", "t2"].map((id) => played(id, { permits: ["lockfile"] }));

  test("is joined by the package manager: a lockfile is written again, verified and lands", async () => {
    await using line = await mergeLine({
      code: locks,
      files: { "package-lock.json": "[]\n" },
      relock,
      gather: true,
    });
    const run = await line.start(tasks);
    const state = await line.until(run, over);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect(rungs(await line.events(run))).toEqual(["lockfile"]);
    expect((await line.merged(run))["package-lock.json"]).toBe('["t1","t2"]\n');
    expect(state.tasks.t2).toMatchObject({ attempts: 1, returns: 0 });
    const { lands, verified } = {
      lands: state.steps[`${run}-t2-land-1-1`]?.result,
      verified: state.steps[`${run}-t2-verify-landing-1-1`]?.result,
    };
    expect([lands?.kind, verified?.kind]).toEqual(["land", "verify"]);
  });

  test("goes back to the author where the package manager fails, or does more than it should", async () => {
    for (const bad of [undefined, (files: Files) => ({ ...relock(files), "x.txt": "x\n" })]) {
      const merging: Coder = (files, at) =>
        at.attempt === 1
          ? locks(files, at)
          : relock({ ...files, [`dep-${at.task}.txt`]: "1\n", [`${at.task}.txt`]: "again\n" });
      await using line = await mergeLine({
        code: merging,
        files: { "package-lock.json": "[]\n" },
        ...(bad === undefined ? {} : { relock: bad }),
        gather: true,
      });
      const run = await line.start(tasks);
      const state = await line.until(run, over);
      expect(state.run.status).toBe("complete");
      expect(rungs(await line.events(run))).toEqual(["lockfile", "author"]);
    }
  });
});

test("a lockfile that is red as written again goes on to the rungs below, also when the factory goes away", async () => {
  const mine = (task: string) => `${task} was here\n`;
  const joined: Coder = (files, { task }) => {
    const lock = files["package-lock.json"] ?? "";
    return lock.includes(mine(task))
      ? { ...files, [`${task}.txt`]: "joined\n" }
      : { ...files, "package-lock.json": lock.replace("line 5\n", mine(task)) };
  };
  await using line = await mergeLine({
    code: joined,
    files: { "package-lock.json": LIST },
    relock: (files) => ({ ...files, "package-lock.json": "bad\n" }),
    red: (files) => files["package-lock.json"] === "bad\n",
    gather: true,
  });
  const tasks = ["t1", "t2", "t3"].map((id) => played(id, { permits: ["lockfile"] }));
  const run = await line.start(tasks, { merge: { batch: 1 } });
  await line.until(run, (s) => over(s) || s.tasks.t3?.conflict?.rounds[2] !== undefined, 50_000);
  for (const { kind, id } of Object.values((await line.state(run)).threads))
    await line.checkpoints.deleteThread(threadId({ run, kind, id }));
  await line.restart();
  const state = await line.until(run, over, 50_000);
  expect(state.run).toMatchObject({ status: "complete", reasons: [] });
  const down = ["lockfile", "author"];
  expect(rungs(await line.events(run))).toEqual([...down, ...down, "lockfile", "merger"]);
  for (const { id } of Object.values(state.tasks))
    expect((await line.merged(run))["package-lock.json"]).toContain(mine(id));
}, 120_000);

describe("two changes in flight that do not merge", () => {
  const sameLine: Coder = (files, { task }) => {
    const list = files["list.txt"] ?? "";
    return list.includes(task)
      ? { ...files, [`${task}.txt`]: "joined\n" }
      : { ...files, "list.txt": list.replace("line 5\n", `${task} was here\n`) };
  };

  test("are known before either lands: the later one is told, once, and so are its coder and reviewer", async () => {
    await using line = await mergeLine({
      code: sameLine,
      files: { "list.txt": LIST, "far.txt": "x\n" },
      gather: true,
    });
    const run = await line.start([
      played("t1"),
      played("t2"),
      // more waits for it, so it is merged first
      played("t3"),
      played("t4", { blockedBy: ["t3"] }),
    ]);
    const landed = (s: RunState) => Object.values(s.tasks).some((row) => row.landing);
    const state = await line.until(run, (s) => over(s) || landed(s), 50_000);
    const predicted = (await line.events(run)).flatMap((e) =>
      e.type === "conflict.predicted" ? [e] : [],
    );
    const pairs = predicted.map((e) => [e.task, e.other].toSorted().join());
    expect(pairs.slice(0, 3).toSorted()).toEqual(["t1,t2", "t1,t3", "t2,t3"]);
    const keys = predicted.map((e) => [e.change, e.otherChange].toSorted().join());
    expect(new Set(keys).size).toBe(keys.length);
    for (const e of predicted) expect(e.files).toEqual(["list.txt"]);
    expect(predicted.filter((e) => e.task === "t3" && e.other !== "t4")).toEqual([]);
    const asked = Object.values(state.steps).map(({ input }) => JSON.stringify(input));
    expect(
      asked.some((input) => input.includes("which has not landed yet, conflicts with this change")),
    ).toBe(true);
  });

  test("that share no file are not looked at", async () => {
    let merges = 0;
    await using line = await mergeLine({
      code: (files, { task }) => ({ ...files, [`${task}.txt`]: "x\n" }),
      gather: true,
      repo: (repo) => ({
        ...repo,
        merge: (a, b) => {
          merges += 1;
          return repo.merge(a, b);
        },
      }),
    });
    const run = await line.start(["t1", "t2", "t3"]);
    await line.until(run, over);
    expect(merges).toBe(3);
  });
});
