import type { StackedMember, StepInputOf } from "@headrace/domain";
import { commitMessage } from "./commit-message.ts";
import { type Done, stableTime, taskRowOf, tipRef, type Work } from "./control-work.ts";
import { mergeByRule } from "./merge-by-rule.ts";

/** Merges each member onto what the one before it left; one that does not merge there leaves the stack. */
export const stackMembers = async (work: Work, input: StepInputOf<"stack">): Promise<Done> => {
  const { repo, state } = work;
  const tip = (await repo.readRef(tipRef(state))) ?? state.run.base;
  const tipTree = await repo.treeOf(tip);
  const members: Array<StackedMember & { tree: string }> = [];
  const left: Array<{ task: string; attempt: number; files: string[] }> = [];
  const done = (conflict?: { merged: string; files: string[] }): Done => ({
    result: {
      kind: "stack",
      stack: { tip, tipTree, members, left, ...(conflict === undefined ? {} : { conflict }) },
    },
    events: (conflict === undefined ? members : input.members.slice(0, 1)).map(
      ({ task, attempt, change }) => ({ type: "merge.started", change, tip, task, attempt }),
    ),
  });
  for (const member of input.members) {
    const { task, attempt, change } = member;
    const below = members.at(-1)?.merged ?? tip;
    const { merged, tree, files, united } = await mergeFor(work, { task, below, change });
    if (files.length === 0)
      members.push({ ...member, merged, tree, ...(united.length === 0 ? {} : { united }) });
    else if (member === input.members[0]) return done({ merged, files });
    else left.push({ task, attempt, files });
  }
  return done();
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
  const { repo, state, row } = work;
  const tip = (await repo.readRef(tipRef(state))) ?? state.run.base;
  if (row.task === undefined) throw new Error(`step ${row.id} belongs to no task`);
  const { merged, tree, files } = await mergeFor(work, { task: row.task, below: tip, change });
  const merge =
    files.length === 0
      ? { outcome: "clean" as const, merged, tip, tree, tipTree: await repo.treeOf(tip) }
      : { outcome: "conflict" as const, merged, tip, files };
  return { result: { kind: "merge", merge } };
};
