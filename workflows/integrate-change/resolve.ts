import {
  isLockfile,
  nextRung,
  type Rung,
  type RunState,
  type StackedMember,
} from "@headrace/domain";
import { mergerBrief } from "../briefs.ts";
import type { WorkflowPorts } from "../ports.ts";
import { recordFor, stepResult } from "../thread.ts";
import { inRound, membersOf, type Returned, rowOf, type S, stackOf, thread } from "./batch.ts";

/** Git could not merge the first member onto the tip: it goes down the ladder until it is joined or sent back. */
export const resolve = (ports: WorkflowPorts) => async (s: S) => {
  let { here: rung } = await standOn(ports, s);
  for (;;) {
    const answer = await inQueue(ports, s)[rung]?.();
    if (answer === undefined)
      return { returned: await goesBack(ports, s, rung), next: "finish" as const };
    if (typeof answer !== "string")
      return { stacked: [answer], resolvedBy: rung, next: "verify" as const };
    rung = (await standOn(ports, s, { failed: rung, reason: answer })).here;
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
  const { here, next } = await standOn(ports, s, { failed, reason: red.reason, verified: true });
  if (next !== undefined) return { round: s.round + 1, next: "stack" as const };
  const receipt = red.receipt === undefined ? {} : { receipt: red.receipt };
  return { returned: { ...(await goesBack(ports, s, here)), ...receipt }, next: "finish" as const };
};

/** What is in conflict in this round. */
const conflictOf = (state: RunState, s: S) => {
  const members = membersOf(state, s);
  const [member] = members;
  const { tip, conflict } = stackOf(state, s);
  if (conflict === undefined) throw new Error(`landing ${s.id} has no conflict`);
  return { members, member, tip, row: rowOf(state, member.task), ...conflict };
};

/** A rung that failed, and why; `verified`: its tree had been run. */
type Down = { failed: Rung; reason: string; verified?: true };

/**
 * The rung this round's conflict is on; with `down`, the one below. Each is told once, so that a thread that comes again,
 * be it from its first round, finds what it did. A round more for the same conflict begins on the rung of the last.
 * Steps of a round have their names: what is tried after a verification and needs another is the `next` round's.
 */
const standOn = async (
  ports: WorkflowPorts,
  s: S,
  down?: Down,
): Promise<{ here: Rung; next: Rung | undefined }> => {
  const { member, files } = conflictOf(await ports.state(s.run), s);
  const { task, attempt } = member;
  const told = (now: RunState) => {
    const { conflict } = rowOf(now, task);
    return conflict?.landing === s.id ? conflict : undefined;
  };
  await recordFor(ports, s.run, task, (now) => {
    const last = told(now);
    const { [s.round]: here, [s.round + 1]: next } = last?.rounds ?? {};
    if (here !== down?.failed || next !== undefined) return [];
    const { rungs: tried = [], task: asked } = rowOf(now, task);
    const from = down === undefined ? { at: last?.rung } : { after: down.failed };
    const rung = nextRung({ files, permits: asked.permits, tried, ...from });
    const isNext = down?.verified === true && inQueue(ports, s)[rung] !== undefined;
    const round = isNext ? s.round + 1 : s.round;
    const reason = down === undefined ? {} : { reason: down.reason.slice(0, 4000) };
    return [{ type: "merge.conflicted", landing: s.id, files, round, rung, ...reason, attempt }];
  });
  const { [s.round]: here, [s.round + 1]: next } = told(await ports.state(s.run))?.rounds ?? {};
  if (here === undefined) throw new Error(`the conflict of ${s.id} was not told`);
  return { here, next };
};

const goesBack = async (ports: WorkflowPorts, s: S, rung: Rung): Promise<Returned> => {
  const { member, files, row } = conflictOf(await ports.state(s.run), s);
  const why = row.conflict?.reason === undefined ? "" : `: ${row.conflict.reason}`;
  const reason = `conflict in ${files.join(", ")} with what has landed${why}`;
  return { task: member.task, attempt: member.attempt, reason, rung };
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
