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
  | "merge.contended"
  | "conflict.predicted"
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
    const row = s.tasks[e.task ?? ""];
    const returned = {
      attempt: row?.queuedAttempt ?? 0,
      ...(e.receipt === undefined ? {} : { receipt: e.receipt }),
      ...(e.rung === undefined ? {} : { rung: e.rung }),
    };
    const discarded = e.rung === "rewrite" ? row?.workingChange : undefined;
    return setTask(s, e.task, {
      ...{ status: "building", returns: (row?.returns ?? 0) + 1, returned, reason: e.reason },
      ...(discarded === undefined ? {} : { discarded }),
    });
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
  "merge.conflicted": (s, e) => {
    const { landing, files, round = 1, rung = "merger", reason } = e;
    const { rungs: before = [], conflict: other } = s.tasks[e.task ?? ""] ?? {};
    const last = other?.landing === landing ? other : undefined;
    const rounds = { ...last?.rounds, [round]: rung };
    const why = reason === undefined ? {} : { reason };
    const conflict = { landing, files, rung, rounds, ...why };
    // somebody else moved the branch: the same conflict, met again on the same rung
    const rungs = last?.rung === rung ? before : [...before, rung];
    return setTask(s, e.task, { conflictedLanding: landing, conflict, rungs });
  },
  "merge.contended": (s, e) => {
    const key = `landing/${e.landing}`;
    const thread = s.threads[key];
    if (thread === undefined) throw new Error(`there is no thread ${key}`);
    return { ...s, threads: { ...s.threads, [key]: { ...thread, contended: e.round } } };
  },
  "conflict.predicted": (s, e) => {
    const { other, change, otherChange, files } = e;
    const predicted = s.tasks[e.task ?? ""]?.predicted;
    const pair = { change, otherChange, files };
    return setTask(s, e.task, { predicted: { ...predicted, [other]: pair } });
  },
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
