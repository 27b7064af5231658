import { z } from "zod";
import type { EventOf } from "./run-state.ts";
import type { ClassedCall, SpendPart } from "./spend.ts";

/**
 * What is appended to the ledger of a call: a hold, its end (`settle` or `release`), a correction of what an estimated
 * call did cost, and the parts that its cost became.
 */
const EntryKind = z.enum([
  "reserve",
  "settle",
  "release",
  "adjust",
  "convert",
  "overhead",
  "waste",
]);

const whole = z.number().int();

/** One line of the ledger; none is ever changed. */
export const LedgerEntry = z.object({
  call: z.string(),
  kind: EntryKind,
  /** in pico-dollars: what is held, cost, or classed; of a correction the difference, which is not above 0 */
  amount: whole,
  tokens: whole,
  /** what was reported above the hold */
  excess: whole,
  excessTokens: whole,
  /** of a settlement its state, of a correction the reason, of a part its commit or kind */
  what: z.string().nullable(),
  at: z.string(),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

const partOf = ({ kind, what, amount }: LedgerEntry): SpendPart | undefined => {
  switch (kind) {
    case "convert":
      return { as: "converted", commit: what ?? "", amount };
    case "overhead":
    case "waste":
      return { as: kind, kind: what, amount } as SpendPart;
    default:
      return undefined;
  }
};

/** The calls whose cost these entries class, in their order. */
export const classedBy = (entries: readonly LedgerEntry[]): ClassedCall[] => {
  const parts = new Map<string, SpendPart[]>();
  for (const entry of entries) {
    const part = partOf(entry);
    if (part !== undefined) parts.set(entry.call, [...(parts.get(entry.call) ?? []), part]);
  }
  return [...parts].map(([call, of]) => ({ call, parts: of }));
};

/** What the event that tells of these calls says, all but their digest. */
export const classedSums = (
  calls: readonly ClassedCall[],
): Pick<EventOf<"spend.classed">, "converted" | "overhead" | "waste" | "calls"> => {
  const sums: ReturnType<typeof classedSums> = {
    converted: 0,
    overhead: {},
    waste: {},
    calls: calls.length,
  };
  for (const part of calls.flatMap(({ parts }) => parts)) {
    const { amount } = part;
    if (part.as === "converted") sums.converted += amount;
    else if (part.as === "overhead")
      sums.overhead[part.kind] = (sums.overhead[part.kind] ?? 0) + amount;
    else sums.waste[part.kind] = (sums.waste[part.kind] ?? 0) + amount;
  }
  return sums;
};
