import { z } from "zod";
import { Id, ObjectId } from "./ids.ts";
import { Pico } from "./money.ts";

/** Spend that no line of code carries, and that the work needs all the same. */
export const OverheadKind = z.enum(["planning", "review", "verification", "clarification"]);
export type OverheadKind = z.infer<typeof OverheadKind>;

/** Spend that nothing came of. */
export const WasteKind = z.enum([
  /** billed, and no usable reply came */
  "failed_call",
  /** of a task that was given up, or a run that was cancelled */
  "abandoned",
  /** of an attempt whose work was sent back, as far as it did not land */
  "rejected",
  /** of a plan or task that a newer plan replaced */
  "superseded",
  /** making work fit that others' landings had overtaken */
  "conflict_redo",
  /** what a prompt cost above reading it from the cache that held it */
  "cache_miss",
  /** of a conversation that a limit or a loop ended */
  "runaway",
]);
export type WasteKind = z.infer<typeof WasteKind>;

/** What became of a part of a call's cost. */
export const SpendPart = z.discriminatedUnion("as", [
  z.object({ as: z.literal("converted"), commit: ObjectId, amount: Pico }),
  z.object({ as: z.literal("overhead"), kind: OverheadKind, amount: Pico }),
  z.object({ as: z.literal("waste"), kind: WasteKind, amount: Pico }),
]);
export type SpendPart = z.infer<typeof SpendPart>;

/** The parts of one settled call; their amounts add up to its cost. */
export const ClassedCall = z.object({ call: Id, parts: z.array(SpendPart).min(1) });
export type ClassedCall = z.infer<typeof ClassedCall>;

/** settled = converted + the overheads + the wastes + inFlight; all in pico-dollars. */
export type SpendTotals = {
  settled: Pico;
  converted: Pico;
  overhead: Partial<Record<OverheadKind, Pico>>;
  waste: Partial<Record<WasteKind, Pico>>;
  /** of work that has not ended: neither landed nor given up */
  inFlight: Pico;
};

/** What became of the spend that nothing will change any more: of so many calls. */
export type ClassedSpend = Omit<SpendTotals, "settled" | "inFlight"> & { calls: number };
