import { type Folds, setRun, setTask, unchanged } from "./types.ts";

/** Tasks, attempts and landings. */
export const foldBuild: Folds<
  | "task.ready"
  | "task.queued"
  | "task.returned"
  | "task.quarantined"
  | "attempt.started"
  | "attempt.finished"
  | "merge.started"
  | "merge.conflicted"
  | "merge.landed"
  | "gate.finished"
  | "canary.finished"
  | "check.finished"
  | "receipt.recorded"
> = {
  "task.ready": (s, e) => setTask(s, e.task, { status: "building", startedAt: e.at }),
  "task.queued": (s, e) =>
    setTask(s, e.task, {
      status: "queued",
      queuedAttempt: e.attempt ?? 0,
      change: e.change,
      queuedSeq: e.seq,
      doing: "merge",
    }),
  "task.returned": (s, e) => {
    const returns = (s.tasks[e.task ?? ""]?.returns ?? 0) + 1;
    const attempt = s.tasks[e.task ?? ""]?.queuedAttempt ?? 0;
    const returned = { attempt, ...(e.receipt === undefined ? {} : { receipt: e.receipt }) };
    return setTask(s, e.task, { status: "building", returns, returned, reason: e.reason });
  },
  "task.quarantined": (s, e) =>
    setTask(s, e.task, {
      status: "quarantined",
      reason: e.reason,
      endedAt: e.at,
      ...(e.snapshot === undefined ? {} : { snapshot: e.snapshot }),
    }),
  "attempt.started": (s, e) =>
    setTask(s, e.task, { attempts: e.attempt ?? 1, attemptBase: e.base }),
  "attempt.finished": (s, e) =>
    setTask(s, e.task, { reason: e.reason, closedAttempt: e.attempt ?? 0 }),
  "merge.started": unchanged,
  "merge.conflicted": (s, e) => setTask(s, e.task, { conflictedLanding: e.landing }),
  "merge.landed": (s, e) => {
    const part = e.part === undefined ? {} : { part: e.part };
    const landing = { commit: e.commit, receipt: e.receipt, seq: e.seq, ...part };
    const next = setTask(s, e.task, { status: "landed", landing, change: e.change, endedAt: e.at });
    return setRun(next, { tip: e.commit });
  },
  "gate.finished": unchanged,
  "canary.finished": unchanged,
  "check.finished": unchanged,
  "receipt.recorded": (s, e) => ({
    ...s,
    receipts: {
      ...s.receipts,
      [e.receipt.id]: {
        ...e.receipt,
        ...(e.envelope === undefined ? {} : { envelope: e.envelope }),
      },
    },
  }),
};
