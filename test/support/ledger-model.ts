import { strict as assert } from "node:assert";
import {
  type Account,
  accountsOf,
  type CallState,
  type ClassedCall,
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

const total = (calls: readonly ModelCall[], of: (call: ModelCall) => number): number =>
  calls.reduce((sum, call) => sum + of(call), 0);

const isOpen = ({ state }: ModelCall): boolean => state === "open";

/** What a ledger must say, by adding up all of its calls each time: no running sums, no database. */
export class LedgerModel {
  readonly calls: ModelCall[] = [];

  /** The first account that cannot hold so much, as an answer of the ledger. */
  refusal(accounts: readonly Account[], amount: number, tokens: number): object | undefined {
    for (const { level, path, limit, tokens: most } of accounts) {
      const sums = this.sums(path);
      const left = Math.max(0, (limit ?? amount) - sums.reserved - sums.settled - sums.excess);
      const refused = { kind: "refused", level, path };
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

  sums(path: string) {
    const held = this.calls.filter(({ paths }) => paths.includes(path));
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
    this.calls.push({ ...call, ...nothing, state: "open" });
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

/** Limits as a factory has them, but for the accounts that all runs share: here each run has its own. */
export class TrialLimits {
  hour = 900;
  readonly #run: string;
  readonly #limits = { total: 3000, day: 2000, run: 1000, task: 700, attempt: 400, tokens: 500 };

  constructor(run: string) {
    this.#run = run;
  }

  raise(by: number): void {
    this.#limits.run += by;
    this.#limits.task += by >> 1;
    this.#limits.tokens += by >> 2;
    this.hour += by >> 2;
  }

  accounts(task: string | undefined, attempt: number | undefined): Account[] {
    const owner = {
      run: this.#run,
      ...(task === undefined ? {} : { task }),
      ...(attempt === undefined ? {} : { attempt }),
    };
    return accountsOf(owner, this.#limits, new Date(0)).map((account) =>
      account.level === "installation" || account.level === "day"
        ? { ...account, path: `run/${this.#run}/=${account.level}` }
        : account,
    );
  }

  of(path: string): { limit: number; tokens: number } {
    const { total, day, run, task, attempt, tokens } = this.#limits;
    const [, , of, number] = path.split("/");
    const endless = { tokens: Number.POSITIVE_INFINITY };
    if (of === undefined) return { limit: run, tokens };
    if (of === "=installation") return { ...endless, limit: total };
    if (of === "=day") return { ...endless, limit: day };
    return { ...endless, limit: number === undefined ? task : attempt };
  }
}
