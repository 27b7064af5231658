import { rename } from "node:fs/promises";
import { branchRef, integrationBranch, isEnded, type RunState, taskBranch } from "@headrace/domain";
import { expect, test } from "vitest";
import { git } from "../support/git.ts";
import { played, playedLine, work } from "../support/played-line.ts";

const TASKS = [played("a"), played("b")];
const ended = (state: RunState) => isEnded(state.run.status) || state.run.status === "failed";

test("a repository that is away is said once, holds nothing up, and gets its branches when it is back", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS);
  const { path } = (await line.state(run)).run.repo;
  await rename(path, `${path}-away`);
  const { run: row } = await line.until(run, ended);
  expect(row.status).toBe("complete");
  await line.settled(run);
  const notes = (await line.events(run)).filter((e) => e.type === "note.added");
  expect(notes.map((e) => e.text)).toEqual([expect.stringContaining("could not be exported")]);
  await rename(`${path}-away`, path);
  await line.restart();
  const branch = branchRef(integrationBranch(run));
  await line.until(run, (s) => s.run.exported[branch] === row.tip);
  expect(git(path, "rev-parse", branch)).toBe(row.tip);
});

test("a branch the user moved is theirs from then on, and said once", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS);
  const branch = branchRef(integrationBranch(run));
  const { repo, base } = (await line.until(run, (s) => s.run.exported[branch] !== undefined)).run;
  const theirs = git(repo.path, "commit-tree", `${base}^{tree}`, "-m", "mine");
  git(repo.path, "update-ref", branch, theirs);
  await line.until(run, (s) => s.run.exportBlocked.length > 0);
  expect((await line.until(run, ended)).run.status).toBe("complete");
  await line.settled(run);
  const blocked = (await line.events(run)).filter((e) => e.type === "export.blocked");
  expect(blocked.map((e) => e.ref)).toEqual([branch]);
  expect(git(repo.path, "rev-parse", branch)).toBe(theirs);
});

test("a coder cut off by a stop leaves its last snapshot on the task's branch", async () => {
  let snapshot = "";
  await using line = await playedLine({
    async play({ fence, input }, api) {
      if (input.kind !== "agent" || input.role !== "coder") return undefined;
      snapshot = work(line.bare, input.commit, "half");
      await api.appendRecord(fence, { kind: "snapshot", turn: 1, commit: snapshot });
      return { kind: "budget", reason: "the next call does not fit" };
    },
  });
  const run = await line.submit(TASKS.slice(0, 1));
  const branch = branchRef(taskBranch(run, "a", "task-a"));
  const { repo } = (await line.until(run, (s) => s.run.exported[branch] !== undefined)).run;
  expect(git(repo.path, "rev-parse", branch)).toBe(snapshot);
});
