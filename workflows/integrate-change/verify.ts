import {
  gatesFor,
  isGreen,
  nextMove,
  permitsOf,
  type Receipt,
  type ReceiptKey,
  type RunState,
  type StackedMember,
  type StepInputOf,
} from "@headrace/domain";
import { baselineFor, canariesOf } from "../gates-for.ts";
import type { WorkflowPorts } from "../ports.ts";
import { stepResult } from "../thread.ts";
import { inRound, membersOf, type S, stackOf, thread } from "./batch.ts";
import { resolveAgain } from "./resolve.ts";

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
    ...{ baseline: baselineFor(state, tip), canaries: canariesOf(state, tasks) },
    // the whole stack is run again on the spot when it is red; a prefix only where it would be blamed for it
    twice: run === 1 && members.length === stackSize(s),
  };
  return known === undefined ? common : { ...common, known };
};

/** Runs of the gates on the whole stack and, while it is red, on its first so and so many members, until it settles. */
export const verify = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const stacked = s.stacked ?? [];
  const at = inRound(membersOf(state, s), s, "verify-landing");
  const runs: Array<{ prefix: number; green: boolean; receipt: Receipt }> = [];
  for (;;) {
    const move = nextMove(stacked.length, runs);
    if (move.move === "settle") {
      const settled = settle(stacked, runs, move);
      const isResolution = stackOf(state, s).conflict !== undefined;
      return "returned" in settled && isResolution
        ? resolveAgain(ports, s, settled.returned)
        : settled;
    }
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
