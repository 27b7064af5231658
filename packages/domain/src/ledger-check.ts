import type { LedgerEntry } from "./ledger-entry.ts";

/** A call as the ledger holds its newest state. */
export type BookedCall = {
  id: string;
  state: string;
  /** what was held, in pico-dollars and in tokens */
  amount: number;
  tokens: number;
  cost: number;
  usedTokens: number;
  excess: number;
  excessTokens: number;
  /** paths of the accounts it is held on, a JSON array */
  accounts: string;
};

export type AccountSums = {
  path: string;
  reserved: number;
  settled: number;
  excess: number;
  reservedTokens: number;
  settledTokens: number;
  excessTokens: number;
};

const sum = (
  entries: readonly LedgerEntry[],
  of: "amount" | "tokens" | "excess" | "excessTokens",
) => entries.reduce((total, entry) => total + entry[of], 0);

/** What the entries of one call must be for its state: `undefined` where they are. */
const callProblem = (call: BookedCall, entries: readonly LedgerEntry[]): string | undefined => {
  const of = (...kinds: LedgerEntry["kind"][]) =>
    entries.filter(({ kind }) => kinds.includes(kind));
  const [held, ...more] = of("reserve");
  if (held === undefined || more.length > 0 || entries[0] !== held)
    return "its entries do not begin with one reservation";
  if (held.amount !== call.amount || held.tokens !== call.tokens)
    return "it is not what was reserved";
  const [end, ...again] = of("settle", "release");
  const adjusted = of("adjust");
  if (again.length > 0 || adjusted.length > 1) return "it was settled more than once";
  const state = end?.kind === "release" ? "released" : (end?.what ?? "open");
  const expected = adjusted.length > 0 && state === "estimated" ? "settled" : state;
  if (call.state !== expected) return `it is ${call.state}, and by its entries ${expected}`;
  const costs = of("settle", "adjust");
  if (
    sum(costs, "amount") !== call.cost ||
    sum(costs, "tokens") !== call.usedTokens ||
    sum(costs, "excess") !== call.excess ||
    sum(costs, "excessTokens") !== call.excessTokens
  )
    return "its entries add up to another cost";
  if (call.cost > call.amount || call.usedTokens > call.tokens)
    return "it cost more than was reserved";
  const parts = of("convert", "overhead", "waste");
  if (parts.length > 0 && (end === undefined || sum(parts, "amount") !== call.cost))
    return "what became of it does not add up to its cost";
  return undefined;
};

/** The first call that is not what its entries add up to, or entry that is of no call. */
export const entryProblem = (
  calls: readonly BookedCall[],
  entries: readonly LedgerEntry[],
): { call: string; reason: string } | undefined => {
  const byCall = new Map<string, LedgerEntry[]>(calls.map(({ id }) => [id, []]));
  for (const entry of entries) {
    const known = byCall.get(entry.call);
    if (known === undefined) return { call: entry.call, reason: "has entries and no state" };
    known.push(entry);
  }
  for (const call of calls) {
    const reason = callProblem(call, byCall.get(call.id) ?? []);
    if (reason !== undefined) return { call: call.id, reason };
  }
  return undefined;
};

const NOTHING: Omit<AccountSums, "path"> = {
  reserved: 0,
  settled: 0,
  excess: 0,
  reservedTokens: 0,
  settledTokens: 0,
  excessTokens: 0,
};

/** What the accounts of these calls hold and have settled, by path. */
export const accountSums = (calls: readonly BookedCall[]): Map<string, AccountSums> => {
  const sums = new Map<string, AccountSums>();
  for (const call of calls) {
    const open = call.state === "open";
    for (const path of JSON.parse(call.accounts) as string[]) {
      const s = sums.get(path) ?? { path, ...NOTHING };
      sums.set(path, {
        path,
        reserved: s.reserved + (open ? call.amount : 0),
        settled: s.settled + call.cost,
        excess: s.excess + call.excess,
        reservedTokens: s.reservedTokens + (open ? call.tokens : 0),
        settledTokens: s.settledTokens + call.usedTokens,
        excessTokens: s.excessTokens + call.excessTokens,
      });
    }
  }
  return sums;
};
