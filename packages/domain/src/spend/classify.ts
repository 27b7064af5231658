import type { Pico } from "../money.ts";
import type { CallRow } from "../ports/ledger.ts";
import type { PriceBook } from "../ports/price-book.ts";
import type { RunState } from "../run-state.ts";
import type { ClassedCall, SpendPart } from "../spend.ts";
import { coldExcess } from "./cold-prefix.ts";
import { classesOf, isFinal } from "./rules.ts";
import { splitExactly } from "./split.ts";
import type { Shares } from "./surviving.ts";

/** `replied`: it gave a usable reply. */
export type AnsweredCall = CallRow & { replied: boolean };

type Spent = {
  state: RunState;
  /** of the run, oldest first */
  calls: readonly AnsweredCall[];
  /** of the tasks that have landed */
  shares: ReadonlyMap<string, Shares>;
  prices: Pick<PriceBook, "cost">;
};

/** Whether a call has cost something, or can be said to have cost nothing. */
export const isSettled = ({ state }: CallRow): boolean =>
  state === "settled" || state === "estimated";

/**
 * What became of the cost of every settled call that nothing will change any more, in parts that add up to it. The rest
 * is in flight. The same facts always come to the same parts.
 */
export const classifyCalls = ({ state, calls, shares, prices }: Spent): ClassedCall[] => {
  const earlier = new Map<string, CallRow>();
  return calls.filter(isSettled).flatMap((call) => {
    const step = state.steps[call.step];
    // asked for after the state was read
    if (step === undefined) return [];
    const before = earlier.get(step.id);
    const missed = call.replied ? coldExcess(call, before, prices) : 0;
    if (call.replied) earlier.set(step.id, call);
    if (!isFinal(state, step)) return [];
    const task = state.tasks[step.task ?? ""];
    const share = shares.get(task?.id ?? "")?.get(step.attempt ?? 1);
    const weighed = classesOf({
      ...{ state, step, replied: call.replied },
      ...(task === undefined ? {} : { task }),
      ...(share === undefined ? {} : { share }),
    });
    const amounts = splitExactly(
      call.cost - missed,
      weighed.map(({ weight }) => weight),
    );
    const parts = weighed.map((one, at): SpendPart => ({ ...one.class, amount: amounts[at] ?? 0 }));
    return [{ call: call.id, parts: withMissed(parts, missed) }];
  });
};

/** Parts of nothing say nothing, unless they say what a call came to that cost nothing. */
const withMissed = (parts: SpendPart[], missed: Pico): SpendPart[] => {
  const cold: SpendPart = { as: "waste", kind: "cache_miss", amount: missed };
  const whole = missed === 0 ? parts : [...parts, cold];
  const paid = whole.filter(({ amount }) => amount > 0);
  return paid.length > 0 ? paid : whole.slice(0, 1);
};
