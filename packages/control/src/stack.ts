import type { StackedMember, StepInputOf } from "@headrace/domain";
import { commitMessage } from "./commit-message.ts";
import { type Done, stableTime, taskRowOf, tipRef, type Work } from "./control-work.ts";
import { mergeByRule } from "./merge-by-rule.ts";

/** Merges each member onto what the one before it left; one that does not merge there leaves the stack. */
export const stackMembers = async (work: Work, input: StepInputOf<"stack">): Promise<Done> => {
  const at = await tipOf(work);
  const members: Array<StackedMember & { tree: string }> = [];
  const left: Array<{ task: string; attempt: number; files: string[] }> = [];
  const done = (conflict?: { merged: string; files: string[] }): Done => ({
    result: {
      kind: "stack",
      stack: { ...at, members, left, ...(conflict === undefined ? {} : { conflict }) },
    },
    events: (conflict === undefined ? members : input.members.slice(0, 1)).map(
      ({ task, attempt, change }) => ({
        type: "merge.started",
        change,
        tip: at.tip,
        task,
        attempt,
      }),
    ),
  });
  for (const member of input.members) {
    const { task, attempt, change } = member;
    const below = members.at(-1)?.merged ?? at.tip;
    const { merged, tree, files, united } = await mergeFor(work, { task, below, change });
    if (files.length === 0)
      members.push({ ...member, merged, tree, ...(united.length === 0 ? {} : { united }) });
    else if (member === input.members[0]) return done({ merged, files });
    else left.push({ task, attempt, files });
  }
  return done();
};

/** Where the branch stands and, if that is none of this run's commits, the newest of them that it stands on. */
const tipOf = async ({ repo, state }: Work) => {
  const { base } = state.run;
  const tip = (await repo.readRef(tipRef(state))) ?? base;
  const own = new Set(Object.values(state.tasks).map(({ landing }) => landing?.commit));
  const found = { tip, tipTree: await repo.treeOf(tip) };
  if (tip === base || own.has(tip)) return found;
  const landing = (await repo.landings(tip, base)).find(({ commit }) => own.has(commit));
  return { ...found, below: landing?.commit ?? base };
};

/** A commit on `below` and the change, with markers in the files that conflict. */
const mergeFor = async (
  { repo, state, row }: Work,
  { task, below, change }: { task: string; below: string; change: string },
) => {
  const union = state.run.merge?.union ?? [];
  const answer = await mergeByRule(repo, { ours: below, theirs: change, union });
  const merged = await repo.commit({
    tree: answer.tree,
    parents: [below, change],
    message: commitMessage({
      subject: `Merge for verification: ${taskRowOf(state, task).task.title}`,
    }),
    at: stableTime(row),
  });
  return { ...answer, merged };
};

/** A task's earlier work merged with what has landed, for its next attempt. */
export const mergeChange = async (work: Work, { change }: StepInputOf<"merge">): Promise<Done> => {
  const { row } = work;
  if (row.task === undefined) throw new Error(`step ${row.id} belongs to no task`);
  const { tipTree, ...at } = await tipOf(work);
  const { merged, tree, files } = await mergeFor(work, { task: row.task, below: at.tip, change });
  const merge =
    files.length === 0
      ? { outcome: "clean" as const, merged, ...at, tree, tipTree }
      : { outcome: "conflict" as const, merged, ...at, files };
  return { result: { kind: "merge", merge } };
};
