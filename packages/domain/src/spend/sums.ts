import type { CallRow } from "../ports/ledger.ts";
import type { RunState } from "../run-state.ts";
import type { ClassedCall, OverheadKind, SpendPart, SpendTotals, WasteKind } from "../spend.ts";
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

/** Added up exactly, whatever it comes to; above 2^53 the nearest number to that. */
const total = <T>(rows: readonly T[], amountOf: (row: T) => number | undefined): number =>
  Number(rows.reduce((sum, row) => sum + BigInt(amountOf(row) ?? 0), 0n));

export const sumSpend = (spent: readonly SpentCall[]): SpendSum => {
  const calls = spent.map(({ call }) => call);
  const parts = spent.flatMap((one) => one.parts);
  const billed = calls.filter(({ reportedCost }) => reportedCost !== undefined);
  const used = calls.flatMap(({ usage }) => usage ?? []);
  return {
    settled: total(calls, ({ cost }) => cost),
    converted: total(parts, (part) => (part.as === "converted" ? part.amount : 0)),
    overhead: byKind(parts, "overhead"),
    waste: byKind(parts, "waste"),
    inFlight: total(parts, (part) => (part.as === "inFlight" ? part.amount : 0)),
    calls: calls.length,
    reported: calls.filter(({ usage, state }) => usage !== undefined && state === "settled").length,
    usage: used.reduce(addUsage, NO_USAGE),
    work: total(calls, ({ work }) => work),
    worked: calls.filter(({ work }) => work !== undefined).length,
    excess: total(calls, ({ excess }) => excess),
    billed: {
      calls: billed.length,
      cost: total(billed, ({ reportedCost }) => reportedCost),
      settled: total(billed, ({ cost }) => cost),
    },
  };
};

type Kinds = { overhead: OverheadKind; waste: WasteKind };

const byKind = <A extends keyof Kinds>(
  parts: readonly SpentPart[],
  as: A,
): Partial<Record<Kinds[A], number>> => {
  const own = parts.flatMap((part) => (part.as === as && "kind" in part ? part : []));
  const alike = [...Map.groupBy(own, ({ kind }) => kind)];
  const sums = alike.map(([kind, of]) => [kind, total(of, ({ amount }) => amount)]);
  return Object.fromEntries(sums) as Partial<Record<Kinds[A], number>>;
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
  const alike = Map.groupBy(
    spent.flatMap(({ parts }) => parts),
    (part) => `${ORDER.indexOf(part.as)} ${"kind" in part ? part.kind : ""}`,
  );
  const sums = [...alike].map(([key, parts]): [string, KindSum] => {
    const [{ as, ...first }] = parts as [SpentPart, ...SpentPart[]];
    return [
      key,
      {
        ...{ as, ...("kind" in first ? { kind: first.kind } : {}) },
        amount: total(parts, ({ amount }) => amount),
        calls: parts.length,
        work: total(parts, ({ work }) => work),
        worked: parts.filter(({ work }) => work !== undefined).length,
      },
    ];
  });
  return sums.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
};

const ORDER: ReadonlyArray<SpentPart["as"]> = ["converted", "overhead", "waste", "inFlight"];

/** All kinds together. */
export const sumKinds = (kinds: Partial<Record<string, number>>): number =>
  total(Object.values(kinds), (amount) => amount);

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
