import { expect, test } from "vitest";
import { type SpentCall, type SpentPart, sumByKind, sumKinds, sumSpend } from "./sums.ts";

const MOST = Number.MAX_SAFE_INTEGER;

const spent = (id: string, amount: number, part: SpentPart): SpentCall => ({
  call: {
    ...{ id, role: "coder", turn: 1, ask: id, provider: "p", model: "m", amount, tokens: 1 },
    ...{ run: "r1", step: "s1", epoch: 1, state: "settled", cost: amount, excess: amount },
    at: "2026-11-21T08:00:00Z",
  },
  subject: "t1",
  parts: [{ ...part, amount, work: amount }],
});
const converted = { as: "converted", commit: "c".repeat(40), amount: 0 } as const;
const planning = { as: "overhead", kind: "planning", amount: 0 } as const;
const inFlight = { as: "inFlight", amount: 0 } as const;

/** Two calls as large as an amount can be, and a thousand of one pico-dollar, which floating point would lose beside them. */
const callsOf = (part: SpentPart): SpentCall[] => [
  ...[1, 2].map((n) => spent(`large${n}`, MOST, part)),
  ...Array.from({ length: 1000 }, (_, n) => spent(`small${n}`, 1, part)),
];
const SUM = Number(2n * BigInt(MOST) + 1000n);

test("sums over runs are added up exactly, also above what a number counts", () => {
  const sum = sumSpend([...callsOf(converted), ...callsOf(planning), ...callsOf(inFlight)]);
  expect(sum).toMatchObject({ converted: SUM, overhead: { planning: SUM }, inFlight: SUM });
  const all = Number(6n * BigInt(MOST) + 3000n);
  expect(sum).toMatchObject({ settled: all, excess: all, calls: 3006, waste: {} });
  expect(sumKinds({ planning: SUM, review: undefined, verification: 2 })).toBe(
    Number(BigInt(SUM) + 2n),
  );
});

test("so are those of each kind, in the order of the totals", () => {
  expect(sumByKind([...callsOf(inFlight), ...callsOf(planning)])).toEqual([
    { as: "overhead", kind: "planning", amount: SUM, calls: 1002, work: SUM, worked: 1002 },
    { as: "inFlight", amount: SUM, calls: 1002, work: SUM, worked: 1002 },
  ]);
});
