import type { CallRow } from "../ports/ledger.ts";
import type { RunState } from "../run-state.ts";
import type { ClassedCall, SpendPart, SpendTotals } from "../spend.ts";
import { addUsage, NO_USAGE, type TokenUsage } from "../usage.ts";
import { isSettled } from "./classify.ts";
import { splitExactly } from "./split.ts";

/** One run's calls with what became of them. */
export type RunSpend = {
  state: RunState;
  calls: readonly CallRow[];
  classed: readonly ClassedCall[];
};

/** A part of a settled call's cost with its part of the work; `inFlight` is not classed yet. */
export type SpentPart = (SpendPart | { as: "inFlight"; amount: number }) & { work?: number };
export type SpentCall = { call: CallRow; subject: string; parts: SpentPart[] };

/** Every settled call of a run, oldest first. */
export const spentCalls = ({ state, calls, classed }: RunSpend): SpentCall[] => {
  const known = new Map(classed.map(({ call, parts }) => [call, parts]));
  return calls.filter(isSettled).map((call) => {
    const parts = known.get(call.id) ?? [{ as: "inFlight" as const, amount: call.cost }];
    const works = splitExactly(
      call.work ?? 0,
      parts.map(({ amount }) => amount),
    );
    return {
      call,
      subject: state.steps[call.step]?.subject ?? "",
      parts: parts.map((part, at) => ({
        ...part,
        ...(call.work === undefined ? {} : { work: works[at] ?? 0 }),
      })),
    };
  });
};

/** What some calls cost and came to, with what each of its figures is of. */
export type SpendSum = SpendTotals & {
  calls: number;
  /** calls whose usage the provider has reported */
  reported: number;
  usage: TokenUsage;
  /** in 1e-9 work units, of `worked` calls: of the others nobody has said what they are worth */
  work: number;
  worked: number;
  /** reported above what was reserved, which bounds what is booked: no part of what is settled */
  excess: number;
  /** what providers themselves say some of the calls cost, and what is settled for the same */
  billed: { calls: number; cost: number; settled: number };
};

export const sumSpend = (spent: readonly SpentCall[]): SpendSum => {
  const sum: SpendSum = {
    ...{ settled: 0, converted: 0, overhead: {}, waste: {}, inFlight: 0 },
    ...{ calls: 0, reported: 0, usage: NO_USAGE, work: 0, worked: 0, excess: 0 },
    billed: { calls: 0, cost: 0, settled: 0 },
  };
  for (const { call, parts } of spent) {
    sum.settled += call.cost;
    sum.calls += 1;
    if (call.usage !== undefined) sum.usage = addUsage(sum.usage, call.usage);
    if (call.usage !== undefined && call.state === "settled") sum.reported += 1;
    if (call.work !== undefined) sum.worked += 1;
    sum.work += call.work ?? 0;
    sum.excess += call.excess ?? 0;
    if (call.reportedCost !== undefined) addBill(sum.billed, call.reportedCost, call.cost);
    for (const part of parts) addPart(sum, part);
  }
  return sum;
};

const addBill = (billed: SpendSum["billed"], cost: number, settled: number): void => {
  billed.calls += 1;
  billed.cost += cost;
  billed.settled += settled;
};

const addPart = (sum: SpendTotals, part: SpentPart): void => {
  switch (part.as) {
    case "converted":
      sum.converted += part.amount;
      return;
    case "inFlight":
      sum.inFlight += part.amount;
      return;
    case "overhead":
      sum.overhead[part.kind] = (sum.overhead[part.kind] ?? 0) + part.amount;
      return;
    case "waste":
      sum.waste[part.kind] = (sum.waste[part.kind] ?? 0) + part.amount;
      return;
  }
};

/** One class of spend over some calls, `worked` of which have a worth in work units. */
export type KindSum = {
  as: SpentPart["as"];
  kind?: string;
  amount: number;
  calls: number;
  work: number;
  worked: number;
};

/** By what the parts of calls came to: in the order of the totals, and of the kinds' names. */
export const sumByKind = (spent: readonly SpentCall[]): KindSum[] => {
  const sums = new Map<string, KindSum>();
  for (const part of spent.flatMap(({ parts }) => parts)) {
    const kind = "kind" in part ? { kind: part.kind } : {};
    const key = `${ORDER.indexOf(part.as)} ${kind.kind ?? ""}`;
    const before = sums.get(key) ?? {
      ...{ as: part.as, ...kind, amount: 0, calls: 0, work: 0, worked: 0 },
    };
    sums.set(key, {
      ...before,
      amount: before.amount + part.amount,
      calls: before.calls + 1,
      work: before.work + (part.work ?? 0),
      worked: before.worked + (part.work === undefined ? 0 : 1),
    });
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
};

const ORDER: ReadonlyArray<SpentPart["as"]> = ["converted", "overhead", "waste", "inFlight"];

/** All kinds together. */
export const sumKinds = (kinds: Partial<Record<string, number>>): number =>
  Object.values(kinds).reduce<number>((sum, amount) => sum + (amount ?? 0), 0);

/** Whether it is booked what became of every settled call that the log tells of. */
export const isBooked = ({ run }: RunState): boolean => run.calls === (run.spend?.calls ?? 0);

/** Spend per task is told of both: those that landed, and all that were begun. */
export const taskCounts = (states: readonly RunState[]): { landed: number; dispatched: number } => {
  const tasks = states.flatMap((state) => Object.values(state.tasks));
  return {
    landed: tasks.filter(({ landing }) => landing !== undefined).length,
    dispatched: tasks.filter(({ startedAt }) => startedAt !== undefined).length,
  };
};
