import {
  isGreen,
  isLockfile,
  type Receipt,
  type ReceiptKey,
  type RunState,
  stepId,
} from "@headrace/domain";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { mergerBrief } from "./briefs.ts";
import { baselineFor, canariesOf, gatesFor } from "./gates-for.ts";
import type { WorkflowPorts } from "./ports.ts";
import { counter, recordFor, stepResult, threadState, value } from "./thread.ts";

/**
 * One change onto the integration branch. Only one such thread runs at a time, so the tip moves under it only
 * when someone else wrote the ref; then it merges and verifies again. Thread ids are `<task>-<queued attempt>`.
 */
type Node = "merge" | "resolve" | "verify" | "land" | "finish";

const State = Annotation.Root({
  ...threadState,
  round: counter(1),
  merged: value<string>(),
  tip: value<string>(),
  receipt: value<string>(),
  returned: value<string>(),
  next: value<Node>(),
});
type S = typeof State.State;

const thread = (s: S) => ({ run: s.run, kind: "landing" as const, id: s.id });

/** The task and attempt a landing thread speaks for. */
export const landingOf = (id: string): { task: string; attempt: number } => {
  const at = id.lastIndexOf("-");
  return { task: id.slice(0, at), attempt: Number(id.slice(at + 1)) };
};
export const landingId = (task: string, attempt: number): string => `${task}-${attempt}`;

const named = (s: S, what: string): string => `${what}-${landingOf(s.id).attempt}-${s.round}`;

const requestOf = (s: S, what: string) => {
  const { task, attempt } = landingOf(s.id);
  return { subject: task, step: named(s, what), task, attempt };
};

const rowOf = (state: RunState, s: S) => {
  const row = state.tasks[landingOf(s.id).task];
  if (row?.change === undefined) throw new Error(`landing ${s.id} has no change`);
  return { ...row, change: row.change };
};

const back = (returned: string) => ({ returned, next: "finish" as const });

const merge = (ports: WorkflowPorts) => async (s: S) => {
  const row = rowOf(await ports.state(s.run), s);
  const { merge: merged } = await stepResult(ports, thread(s), {
    ...requestOf(s, "merge"),
    input: { kind: "merge", change: row.change },
  });
  const next = merged.outcome === "clean" ? ("verify" as const) : ("resolve" as const);
  return { merged: merged.merged, tip: merged.tip, next };
};

/** Git could not merge: the merger agent edits the conflicted files and nothing else. */
const resolve = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s);
  const { task, attempt } = landingOf(s.id);
  const conflict = state.steps[stepId(s.run, task, named(s, "merge"))]?.result;
  const files =
    conflict?.kind === "merge" && conflict.merge.outcome === "conflict" ? conflict.merge.files : [];
  await recordFor(ports, s.run, task, (now) =>
    now.tasks[task]?.conflictedLanding === s.id
      ? []
      : [{ type: "merge.conflicted", landing: s.id, files }],
  );
  const { result } = await stepResult(ports, thread(s), {
    ...requestOf(s, "resolve"),
    input: {
      kind: "agent",
      role: "merger",
      environment: s.tip ?? state.run.tip,
      commit: s.merged ?? "",
      attempt,
      conversation: s.round,
      // only a lockfile is made again from a registry: other conflicts are joined with what is there
      ...(files.some(isLockfile) ? { permits: row.task.permits } : {}),
      brief: await mergerBrief(ports, state, row, { files, commit: s.merged ?? "" }),
    },
  });
  if (result.end !== "submitted" || result.snapshot === undefined) {
    return back(`conflict in ${files.join(", ")}: the merge was not resolved`);
  }
  const { change } = await stepResult(ports, thread(s), {
    ...requestOf(s, "resolution"),
    input: {
      kind: "change",
      snapshot: result.snapshot,
      base: s.tip ?? "",
      theirs: row.change,
      only: files,
      ...(s.merged === undefined ? {} : { from: s.merged }),
      summary: `Resolve conflicts of ${row.task.title}`,
    },
  });
  if (change.outcome === "refused")
    return back(`the resolution was refused: ${change.reasons.join("; ")}`);
  return { merged: change.commit, next: "verify" as const };
};

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.toSorted().join("\n") === b.toSorted().join("\n");

/** A receipt whose whole key may be equal; the worker compares the image too before it stands. */
const knownReceipt = (
  state: RunState,
  key: Omit<ReceiptKey, "image" | "policy">,
): Receipt | undefined =>
  Object.values(state.receipts).find(
    (r) =>
      isGreen(r) &&
      r.key.tree === key.tree &&
      r.key.landingBaseTree === key.landingBaseTree &&
      r.key.policy === state.run.policyHash &&
      same(r.key.permits, key.permits) &&
      same(r.key.gates, key.gates),
  );

const verify = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s);
  const gates = gatesFor(state, row.id, s.tip ?? state.run.tip);
  const { permits } = row.task;
  const merged = state.steps[stepId(s.run, row.id, named(s, "merge"))]?.result;
  const clean =
    merged?.kind === "merge" && merged.merge.outcome === "clean" ? merged.merge : undefined;
  const known =
    clean &&
    knownReceipt(state, { tree: clean.tree, landingBaseTree: clean.tipTree, permits, gates });
  const { receipt } = await stepResult(ports, thread(s), {
    ...requestOf(s, "verify-landing"),
    input: {
      kind: "verify",
      commit: s.merged ?? "",
      landingBase: s.tip ?? "",
      gates,
      permits,
      baseline: baselineFor(state, s.tip ?? state.run.tip),
      canaries: canariesOf(state),
      twice: true,
      ...(known === undefined ? {} : { known }),
    },
  });
  if (isGreen(receipt)) return { receipt: receipt.id, next: "land" as const };
  const red = receipt.results.filter((r) => r.verdict !== "pass");
  return back(
    `red after merging onto the tip: ${red.map((r) => `${r.gate} ${r.reason}`).join("; ")}`,
  );
};

const land = (ports: WorkflowPorts) => async (s: S) => {
  const row = rowOf(await ports.state(s.run), s);
  const { land: landed } = await stepResult(ports, thread(s), {
    ...requestOf(s, "land"),
    input: {
      kind: "land",
      change: row.change,
      merged: s.merged ?? "",
      tip: s.tip ?? "",
      receipt: s.receipt ?? "",
    },
  });
  if (landed.outcome === "landed") return { next: "finish" as const };
  return { round: s.round + 1, next: "merge" as const };
};

const finish = (ports: WorkflowPorts) => async (s: S) => {
  const { task, attempt } = landingOf(s.id);
  const reason = s.returned;
  if (reason === undefined) return {};
  await recordFor(ports, s.run, task, (state) => {
    const row = state.tasks[task];
    return row?.status === "queued" && row.queuedAttempt === attempt
      ? [{ type: "task.returned", reason: reason.slice(0, 4000) }]
      : [];
  });
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

export const integrateChange = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("merge", merge(ports))
    .addNode("resolve", resolve(ports))
    .addNode("verify", verify(ports))
    .addNode("land", land(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "merge")
    .addConditionalEdges("merge", onward, ["verify", "resolve"])
    .addConditionalEdges("resolve", onward, ["verify", "finish"])
    .addConditionalEdges("verify", onward, ["land", "finish"])
    .addConditionalEdges("land", onward, ["merge", "finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "integrate-change" });
