import { strict as assert } from "node:assert";
import {
  type Account,
  type BudgetLevel,
  type CallState,
  type ClassedCall,
  type ReserveAnswer,
  type TokenUsage,
  totalTokens,
} from "@headrace/domain";

const HOUR_MS = 3_600_000;

export type ModelCall = {
  id: string;
  epoch: number;
  amount: number;
  tokens: number;
  paths: string[];
  state: CallState;
  cost: number;
  usedTokens: number;
  excess: number;
  excessTokens: number;
  settledAt?: number;
  parts?: ClassedCall["parts"];
};

/** The level that has no room; undefined where the call was granted. */
export const refusedAt = (answer: ReserveAnswer): BudgetLevel | undefined => {
  if (answer.kind === "granted") return undefined;
  return answer.tokens ? "tokens" : answer.level;
};

const total = (calls: readonly ModelCall[], of: (call: ModelCall) => number): number =>
  calls.reduce((sum, call) => sum + of(call), 0);

const isOpen = ({ state }: ModelCall): boolean => state === "open";

type Refused = Extract<ReserveAnswer, { kind: "refused" }>;

/** What a ledger must say of one run, by adding up all calls each time: no running sums, no database. */
export class LedgerModel {
  readonly calls: ModelCall[] = [];
  readonly #all: ModelCall[];

  /** `all` collects the calls of every run that shares an account with this one. */
  constructor(all: ModelCall[]) {
    this.#all = all;
  }

  /** The first account that cannot hold so much, as an answer of the ledger. */
  refusal(accounts: readonly Account[], amount: number, tokens: number): Refused | undefined {
    for (const { level, path, limit, tokens: most } of accounts) {
      const sums = this.sums(path);
      const left = Math.max(0, (limit ?? amount) - sums.reserved - sums.settled - sums.excess);
      const refused = { kind: "refused", level, path } as const;
      if (limit !== undefined && amount > left)
        return { ...refused, needed: amount, available: left, held: sums.reserved };
      const used = sums.reservedTokens + sums.settledTokens + sums.excessTokens;
      const tokensLeft = Math.max(0, (most ?? tokens) - used);
      if (most !== undefined && tokens > tokensLeft)
        return {
          ...refused,
          ...{ needed: tokens, available: tokensLeft, held: sums.reservedTokens },
          tokens: true,
        };
    }
    return undefined;
  }

  /** Of all runs that share the account, or of this one alone. */
  sums(path: string, calls = this.#all) {
    const held = calls.filter(({ paths }) => paths.includes(path));
    const open = held.filter(isOpen);
    return {
      reserved: total(open, ({ amount }) => amount),
      settled: total(held, ({ cost }) => cost),
      excess: total(held, ({ excess }) => excess),
      reservedTokens: total(open, ({ tokens }) => tokens),
      settledTokens: total(held, ({ usedTokens }) => usedTokens),
      excessTokens: total(held, ({ excessTokens }) => excessTokens),
    };
  }

  /** What counts within the hour before `now`; without what is held, only what was settled. */
  withinHour(now: number, held = true): number {
    const recent = this.calls.filter(({ settledAt = 0 }) => settledAt > now - HOUR_MS);
    return (
      total(recent, ({ cost, excess }) => cost + excess) +
      (held ? total(this.calls.filter(isOpen), ({ amount }) => amount) : 0)
    );
  }

  /** Whether `until` is the first moment at which the hour can hold so much, if what is held now costs nothing. */
  checkUntil(until: number | undefined, now: number, amount: number, hour: number): void {
    const fits = (at: number) => this.withinHour(at, false) + amount <= hour;
    if (amount > hour) assert.equal(until, undefined);
    else if (fits(now)) assert.equal(until, now + 60_000);
    else assert.ok(until !== undefined && fits(until) && !fits(until - 1));
  }

  reserve(call: Pick<ModelCall, "id" | "epoch" | "amount" | "tokens" | "paths">): void {
    const nothing = { cost: 0, usedTokens: 0, excess: 0, excessTokens: 0 };
    const held: ModelCall = { ...call, ...nothing, state: "open" };
    this.calls.push(held);
    this.#all.push(held);
  }

  /** Ends a hold, or corrects an estimate: never above what was held. */
  end(call: ModelCall, state: CallState, cost: number, usage: TokenUsage | undefined, now: number) {
    const used = usage === undefined ? call.tokens : totalTokens(usage);
    const known = state === "settled";
    call.state = state;
    call.cost = state === "released" ? 0 : Math.min(cost, call.amount);
    call.excess = known ? Math.max(0, cost - call.amount) : 0;
    call.usedTokens = state === "released" ? 0 : known ? Math.min(used, call.tokens) : call.tokens;
    call.excessTokens = known ? Math.max(0, used - call.tokens) : 0;
    call.settledAt ??= now;
  }

  /** Accounts that anything was ever held on, of whichever run. */
  get paths(): string[] {
    return [...new Set(this.#all.flatMap(({ paths }) => paths))];
  }

  get spent(): number {
    return total(this.calls, ({ cost }) => cost);
  }

  get excess(): number {
    return total(this.calls, ({ excess }) => excess);
  }

  get classed(): ClassedCall["parts"] {
    return this.calls.flatMap(({ parts = [] }) => parts);
  }
}
