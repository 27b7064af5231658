import {
  gatesFor,
  isGreen,
  isLockfile,
  type Member,
  nextMove,
  permitsOf,
  type Receipt,
  type ReceiptKey,
  type RunState,
  type StackedMember,
  type StepInputOf,
  stepId,
  type TaskRow,
} from "@headrace/domain";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { mergerBrief } from "./briefs.ts";
import { baselineFor, canariesOf } from "./gates-for.ts";
import type { ResultOf, WorkflowPorts } from "./ports.ts";
import { counter, recordFor, stepResult, threadState, value } from "./thread.ts";

/**
 * One batch of queued changes onto the integration branch. Only one such thread runs at a time, so the tip moves under
 * it only when someone else wrote the ref; then it stacks and verifies again. A thread is named after the first of its
 * members, `<task>-<queued attempt>`, and so are its steps.
 */
type Node = "stack" | "resolve" | "verify" | "land" | "finish";

type Returned = { task: string; attempt: number; reason: string; receipt?: string };

const State = Annotation.Root({
  ...threadState,
  round: counter(1),
  /** what is verified, in order */
  stacked: value<StackedMember[]>(),
  tip: value<string>(),
  /** how many of them land, and the receipt of their tree */
  lands: counter(0),
  receipt: value<string>(),
  returned: value<Returned | null>(),
  next: value<Node>(),
});
type S = typeof State.State;

const thread = (s: S) => ({ run: s.run, kind: "landing" as const, id: s.id });

/** The thread of a batch. */
export const landingId = (members: readonly [Member, ...Member[]]): string =>
  `${members[0].task}-${members[0].attempt}`;

/** The thread's batch; one from before there were batches is named after its only member. */
const membersOf = (state: RunState, s: S): [Member, ...Member[]] => {
  const [first, ...more] = state.threads[`landing/${s.id}`]?.members ?? [];
  if (first !== undefined) return [first, ...more];
  const at = s.id.lastIndexOf("-");
  const row = state.tasks[s.id.slice(0, at)];
  if (row?.change === undefined) throw new Error(`landing ${s.id} has no change`);
  return [{ task: row.id, attempt: Number(s.id.slice(at + 1)), change: row.change }];
};

const rowOf = (state: RunState, task: string): TaskRow => {
  const row = state.tasks[task];
  if (row === undefined) throw new Error(`run ${state.run.id} has no task ${task}`);
  return row;
};

/** A step of this round, less what goes into it. */
const inRound = ([{ task, attempt }]: readonly [Member, ...Member[]], s: S, what: string) => ({
  subject: task,
  step: `${what}-${attempt}-${s.round}`,
  task,
  attempt,
});

const stack = (ports: WorkflowPorts) => async (s: S) => {
  const members = membersOf(await ports.state(s.run), s);
  const result = await stepResult(ports, thread(s), {
    ...inRound(members, s, "stack"),
    input: { kind: "stack", members },
  });
  const { tip, conflict, members: stacked } = result.stack;
  return {
    tip,
    stacked,
    returned: null,
    next: conflict === undefined ? ("verify" as const) : ("resolve" as const),
  };
};

/** What the stack of this round came to. */
const stackOf = (state: RunState, s: S): ResultOf<"stack">["stack"] => {
  const { subject, step } = inRound(membersOf(state, s), s, "stack");
  const result = state.steps[stepId(s.run, subject, step)]?.result;
  if (result?.kind !== "stack") throw new Error(`landing ${s.id} has stacked nothing`);
  return result.stack;
};

/** Git could not merge the first member onto the tip: the merger agent edits the conflicted files and nothing else. */
const resolve = (ports: WorkflowPorts) => async (s: S) => {
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

const stackSize = (s: S): number => s.stacked?.length ?? 0;

/** What a run of the gates on the first members of the stack is asked to do. */
const verification = (
  state: RunState,
  s: S,
  { members, run }: { members: readonly StackedMember[]; run: number },
): StepInputOf<"verify"> => {
  const { tip, tipTree, members: clean } = stackOf(state, s);
  const tasks = members.map(({ task }) => task);
  const gates = gatesFor(state, tasks, tip);
  const permits = permitsOf(state, tasks);
  const commit = members.at(-1)?.merged ?? "";
  const tree = clean.find(({ merged }) => merged === commit)?.tree;
  const known =
    run > 1 || tree === undefined
      ? undefined
      : knownReceipt(state, { tree, landingBaseTree: tipTree, permits, gates });
  const common = {
    ...{ kind: "verify" as const, commit, landingBase: tip, gates, permits },
    ...{ baseline: baselineFor(state, tip), canaries: canariesOf(state) },
    // the whole stack is run again on the spot when it is red; a prefix only where it would be blamed for it
    twice: run === 1 && members.length === stackSize(s),
  };
  return known === undefined ? common : { ...common, known };
};

/** Runs of the gates on the whole stack and, while it is red, on its first so and so many members, until it settles. */
const verify = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const stacked = s.stacked ?? [];
  const at = inRound(membersOf(state, s), s, "verify-landing");
  const runs: Array<{ prefix: number; green: boolean; receipt: Receipt }> = [];
  for (;;) {
    const move = nextMove(stacked.length, runs);
    if (move.move === "settle") return settle(stacked, runs, move);
    const { prefix, run } = move;
    const whole = prefix === stacked.length && run === 1;
    const { receipt, first } = await stepResult(ports, thread(s), {
      ...at,
      step: whole ? at.step : `${at.step}-first-${prefix}-run-${run}`,
      input: verification(state, s, { members: stacked.slice(0, prefix), run }),
    });
    if (first !== undefined) runs.push({ prefix, green: false, receipt: first });
    runs.push({ prefix, green: isGreen(receipt), receipt });
  }
};

const settle = (
  stacked: readonly StackedMember[],
  runs: ReadonlyArray<{ prefix: number; green: boolean; receipt: Receipt }>,
  { land, culprit }: { land: number; culprit?: number },
) => {
  const verdict = (prefix: number, green: boolean) =>
    runs.findLast((run) => run.prefix === prefix && run.green === green)?.receipt;
  const lands = { lands: land, receipt: verdict(land, true)?.id };
  const next = land > 0 ? ("land" as const) : ("finish" as const);
  const member = culprit === undefined ? undefined : stacked[culprit - 1];
  if (member === undefined || culprit === undefined) return { ...lands, next };
  const receipt = verdict(culprit, false);
  const red = (receipt?.results ?? []).filter((r) => r.verdict !== "pass");
  const below = stacked.slice(0, culprit - 1).map(({ task }) => task);
  const onto = below.length === 0 ? "the tip" : `${below.join(", ")}, green without it`;
  const reason = `red after merging onto ${onto}: ${red.map((r) => `${r.gate} ${r.reason}`).join("; ")}`;
  const { task, attempt } = member;
  const evidence = receipt === undefined ? {} : { receipt: receipt.id };
  return { ...lands, returned: { task, attempt, reason, ...evidence }, next };
};

const land = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const { conflict } = stackOf(state, s);
  const { land: landed } = await stepResult(ports, thread(s), {
    ...inRound(membersOf(state, s), s, "land"),
    input: {
      kind: "land",
      members: (s.stacked ?? []).slice(0, s.lands).map(memberOf),
      tip: s.tip ?? "",
      receipt: s.receipt ?? "",
      ...(conflict === undefined ? {} : { resolved: conflict.files }),
    },
  });
  if (landed.outcome === "landed") return { next: "finish" as const };
  return { round: s.round + 1, next: "stack" as const };
};

const memberOf = ({ task, attempt, change, merged }: StackedMember): StackedMember => ({
  task,
  attempt,
  change,
  merged,
});

const finish = (ports: WorkflowPorts) => async (s: S) => {
  if (!s.returned) return {};
  const { task, attempt, reason, ...evidence } = s.returned;
  await recordFor(ports, s.run, task, (state) => {
    const row = state.tasks[task];
    return row?.status === "queued" && row.queuedAttempt === attempt
      ? [{ type: "task.returned", reason: reason.slice(0, 4000), ...evidence }]
      : [];
  });
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

export const integrateChange = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("stack", stack(ports))
    .addNode("resolve", resolve(ports))
    .addNode("verify", verify(ports))
    .addNode("land", land(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "stack")
    .addConditionalEdges("stack", onward, ["verify", "resolve"])
    .addConditionalEdges("resolve", onward, ["verify", "finish"])
    .addConditionalEdges("verify", onward, ["land", "finish"])
    .addConditionalEdges("land", onward, ["stack", "finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "integrate-change" });
