import {
  isLockfile,
  nextRung,
  type Rung,
  type RunState,
  type StackedMember,
  type TaskRow,
} from "@headrace/domain";
import { mergerBrief } from "../briefs.ts";
import type { WorkflowPorts } from "../ports.ts";
import { recordFor, stepResult } from "../thread.ts";
import { inRound, membersOf, type Returned, rowOf, type S, stackOf, thread } from "./batch.ts";

/** Git could not merge the first member onto the tip: it goes down the ladder until it is joined or sent back. */
export const resolve = (ports: WorkflowPorts) => async (s: S) => {
  let conflict = await standOn(ports, s);
  for (;;) {
    const { rung } = conflict;
    const answer = await inQueue(ports, s)[rung]?.();
    if (answer === undefined)
      return { returned: await goesBack(ports, s, conflict), next: "finish" as const };
    if (typeof answer !== "string")
      return { stacked: [answer], resolvedBy: rung, next: "verify" as const };
    conflict = await standOn(ports, s, { failed: rung, reason: answer });
  }
};

/** A resolution whose tree is red: on from the rung that made it. */
export const resolveAgain = async (
  ports: WorkflowPorts,
  s: S,
  red: { reason: string; receipt?: string },
) => {
  const failed = s.resolvedBy;
  if (failed === undefined) throw new Error(`landing ${s.id} has resolved nothing`);
  const conflict = await standOn(ports, s, { failed, reason: red.reason });
  // steps of a round have their names: another resolution is another round
  if (inQueue(ports, s)[conflict.rung] !== undefined)
    return { round: s.round + 1, next: "stack" as const };
  const receipt = red.receipt === undefined ? {} : { receipt: red.receipt };
  return {
    returned: { ...(await goesBack(ports, s, conflict)), ...receipt },
    next: "finish" as const,
  };
};

type Conflict = NonNullable<TaskRow["conflict"]>;

/** What is in conflict in this round. */
const conflictOf = (state: RunState, s: S) => {
  const members = membersOf(state, s);
  const [member] = members;
  const { tip, conflict } = stackOf(state, s);
  if (conflict === undefined) throw new Error(`landing ${s.id} has no conflict`);
  return { members, member, tip, row: rowOf(state, member.task), ...conflict };
};

/**
 * The rung this round's conflict is on; with `failed`, the next one below. Told once for each rung, so that a thread
 * that comes again finds itself where it was. A round more for the same conflict begins on the rung of the last.
 */
const standOn = async (
  ports: WorkflowPorts,
  s: S,
  down?: { failed: Rung; reason: string },
): Promise<Conflict> => {
  const { member, files } = conflictOf(await ports.state(s.run), s);
  const { task, attempt } = member;
  await recordFor(ports, s.run, task, (now) => {
    const row = rowOf(now, task);
    const last = row.conflict?.landing === s.id ? row.conflict : undefined;
    const here = last?.round === s.round ? last.rung : undefined;
    if (here !== down?.failed) return [];
    const { permits } = row.task;
    const tried = row.rungs ?? [];
    const at = down === undefined ? last?.rung : undefined;
    const rung = nextRung({ files, permits, tried, at, after: down?.failed });
    const reason = down === undefined ? {} : { reason: down.reason.slice(0, 4000) };
    return [
      { type: "merge.conflicted", landing: s.id, files, round: s.round, rung, ...reason, attempt },
    ];
  });
  const { conflict } = rowOf(await ports.state(s.run), task);
  if (conflict === undefined) throw new Error(`the conflict of ${s.id} was not told`);
  return conflict;
};

const goesBack = async (
  ports: WorkflowPorts,
  s: S,
  { rung, files, reason }: Conflict,
): Promise<Returned> => {
  const { member } = conflictOf(await ports.state(s.run), s);
  const why = reason === undefined ? "" : `: ${reason}`;
  const what = `conflict in ${files.join(", ")} with what has landed${why}`;
  return { task: member.task, attempt: member.attempt, reason: what, rung };
};

type Answer = StackedMember | string;

/** Rungs that are tried while the tip holds still. Each answers the member as resolved, or why it is not. */
const inQueue = (ports: WorkflowPorts, s: S): Partial<Record<Rung, () => Promise<Answer>>> => ({
  lockfile: () => relocked(ports, s),
  merger: () => merged(ports, s),
});

const relocked = async (ports: WorkflowPorts, s: S): Promise<Answer> => {
  const { members, merged: commit, files, tip, row } = conflictOf(await ports.state(s.run), s);
  const { relock } = await stepResult(ports, thread(s), {
    ...inRound(members, s, "relock"),
    input: { kind: "relock", commit, base: tip, lockfiles: files },
  });
  if (relock.outcome === "failed")
    return `the lockfile could not be written again: ${relock.reason}`;
  const summary = `Write the lockfile again for ${row.task.title}`;
  return resolution(ports, s, { step: "relocked", snapshot: relock.snapshot, summary });
};

/** The merger agent edits the conflicted files and nothing else. */
const merged = async (ports: WorkflowPorts, s: S): Promise<Answer> => {
  const state = await ports.state(s.run);
  const { members, member, row, tip, merged: commit, files } = conflictOf(state, s);
  const { attempt, change } = member;
  const { result } = await stepResult(ports, thread(s), {
    ...inRound(members, s, "resolve"),
    input: {
      kind: "agent",
      role: "merger",
      environment: tip,
      commit,
      attempt,
      conversation: s.round,
      // only a lockfile is made again from a registry: other conflicts are joined with what is there
      ...(files.some(isLockfile) ? { permits: row.task.permits } : {}),
      brief: await mergerBrief(ports, state, { ...row, change }, { files, commit }),
    },
  });
  if (result.end !== "submitted" || result.snapshot === undefined)
    return "the merge was not resolved";
  const summary = `Resolve conflicts of ${row.task.title}`;
  return resolution(ports, s, { step: "resolution", snapshot: result.snapshot, summary });
};

/** A snapshot as the merge it resolves, unless it may not be that. */
const resolution = async (
  ports: WorkflowPorts,
  s: S,
  { step, ...made }: { step: string; snapshot: string; summary: string },
): Promise<Answer> => {
  const { members, member, tip, merged: from, files } = conflictOf(await ports.state(s.run), s);
  const { change } = await stepResult(ports, thread(s), {
    ...inRound(members, s, step),
    input: { kind: "change", ...made, base: tip, theirs: member.change, only: files, from },
  });
  if (change.outcome === "refused")
    return `the resolution was refused: ${change.reasons.join("; ")}`;
  return { ...member, merged: change.commit };
};
