import { isLockfile } from "@headrace/domain";
import { mergerBrief } from "../briefs.ts";
import type { WorkflowPorts } from "../ports.ts";
import { recordFor, stepResult } from "../thread.ts";
import { inRound, membersOf, rowOf, type S, stackOf, thread } from "./batch.ts";

/** Git could not merge the first member onto the tip: the merger agent edits the conflicted files and nothing else. */
export const resolve = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const members = membersOf(state, s);
  const [member] = members;
  const { task, attempt, change: theirs } = member;
  const row = rowOf(state, task);
  const { tip, conflict } = stackOf(state, s);
  const { merged = "", files = [] } = conflict ?? {};
  const back = (reason: string) => ({
    returned: { task, attempt, reason },
    next: "finish" as const,
  });
  await recordFor(ports, s.run, task, (now) =>
    now.tasks[task]?.conflictedLanding === s.id
      ? []
      : [{ type: "merge.conflicted", landing: s.id, files }],
  );
  const { result } = await stepResult(ports, thread(s), {
    ...inRound(members, s, "resolve"),
    input: {
      kind: "agent",
      role: "merger",
      environment: tip,
      commit: merged,
      attempt,
      conversation: s.round,
      // only a lockfile is made again from a registry: other conflicts are joined with what is there
      ...(files.some(isLockfile) ? { permits: row.task.permits } : {}),
      brief: await mergerBrief(ports, state, { ...row, change: theirs }, { files, commit: merged }),
    },
  });
  if (result.end !== "submitted" || result.snapshot === undefined)
    return back(`conflict in ${files.join(", ")}: the merge was not resolved`);
  const { change } = await stepResult(ports, thread(s), {
    ...inRound(members, s, "resolution"),
    input: {
      kind: "change",
      snapshot: result.snapshot,
      base: tip,
      theirs,
      only: files,
      from: merged,
      summary: `Resolve conflicts of ${row.task.title}`,
    },
  });
  if (change.outcome === "refused")
    return back(`the resolution was refused: ${change.reasons.join("; ")}`);
  return { stacked: [{ ...member, merged: change.commit }], next: "verify" as const };
};
