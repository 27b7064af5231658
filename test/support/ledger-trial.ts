import { strict as assert } from "node:assert";
import {
  type AccountSums,
  type BudgetLevel,
  type ClassedCall,
  classedSums,
  entryProblem,
  type Fence,
  NO_USAGE,
  type ReserveAnswer,
  StaleEpochError,
} from "@headrace/domain";
import type { SqliteStore } from "@headrace/store";
import type { Sql } from "../../packages/store/src/sql.ts";
import {
  COMMIT,
  call,
  called,
  claimed,
  type ManualClock,
  submitted,
} from "../contract/suites/store-fixtures.ts";
import { LedgerModel, type ModelCall, refusedAt } from "./ledger-model.ts";
import { type Limits, TrialLimits } from "./ledger-trial-limits.ts";

/** A store that can be closed and opened again, or be made to fail in the middle of its next transaction. */
export type Crashable = {
  readonly store: SqliteStore;
  readonly clock: ManualClock;
  readonly sql: Sql;
  reopen(): void;
  failNext(): void;
};

export const OPS = [
  ...["reserve", "reserve", "reserve", "reserve", "reserve", "reserve", "reserve", "reserve"],
  ...["settle", "settle", "settle", "settle", "lie", "lie"],
  ...["release", "estimate", "again", "adjust", "adjust", "classify", "classify", "orphans"],
  ...["late", "raise", "wait", "die", "strange"],
] as const;
export type Op = [kind: (typeof OPS)[number], pick: number, a: number, b: number];

const LEASE_MS = 1000;
export const TASKS = ["t1", "t1", "t2", undefined];
export const ATTEMPTS = [1, 1, 2, undefined];
const SUMS = [
  ...["reserved", "settled", "excess"],
  ...["reservedTokens", "settledTokens", "excessTokens"],
] as Exclude<keyof AccountSums, "path">[];

type Shared = { installation: string; limits: Limits; calls: ModelCall[] };

/** One run's ledger put through a sequence of operations beside a model of it. */
export class LedgerTrial {
  readonly model: LedgerModel;
  /** Levels at which earlier calls, of a shared one those of the other run, left no room for another. */
  readonly refused = new Set<BudgetLevel>();
  readonly #at: Crashable;
  readonly #run: string;
  readonly #limits: TrialLimits;
  #fence: Fence;
  #stale: Fence | undefined;
  #leaseUntil: number;
  #made = 0;

  private constructor(at: Crashable, run: string, fence: Fence, rest: Shared) {
    this.#at = at;
    this.#run = run;
    this.model = new LedgerModel(rest.calls);
    this.#limits = new TrialLimits(rest.installation, run, rest.limits);
    this.#fence = fence;
    this.#leaseUntil = this.#now + LEASE_MS;
  }

  /** Two runs of one installation, each with these limits; what one takes of a shared account, the other has not. */
  static async begin(at: Crashable, installation: string, limits: Limits): Promise<LedgerTrial[]> {
    const shared: Shared = { installation, limits, calls: [] };
    const begun = ["a", "b"].map(async (name) => {
      const run = `${installation}-${name}`;
      await at.store.append(run, [submitted(1000)]);
      return new LedgerTrial(at, run, await claimed(at.store, run, "s", LEASE_MS), shared);
    });
    return Promise.all(begun);
  }

  async apply([kind, pick, a, b]: Op): Promise<void> {
    const one = this.#pick(pick);
    if (kind === "reserve") await this.#reserve(pick, a, b);
    else if (kind === "raise") this.#limits.raise(a % 300);
    else if (kind === "wait") this.#at.clock.advance(a * 5000);
    else if (kind === "orphans") await this.#orphans(a % 2 === 0);
    else if (kind === "die") await this.#die(one);
    else if (one === undefined) return;
    else if (kind === "again") await this.#again(one, a);
    else if (kind === "adjust") await this.#adjust(one, a);
    else if (kind === "classify") await this.#classify(a, b);
    else if (kind === "late") await this.#late(one);
    else if (kind === "strange") await this.#strange(one);
    else await this.#settle(one, kind, a, b);
  }

  /** The sums of every account are the model's, and none is above its limit. */
  checkAccounts(): void {
    const rows = this.#limits.check(this.#at.sql);
    const paths = this.model.paths.filter((path) => this.#limits.has(path));
    assert.deepEqual(rows.map(({ path }) => path).sort(), paths.sort());
    for (const { path, ...sums } of rows) {
      const expected = this.model.sums(path);
      for (const name of SUMS) assert.equal(sums[name], expected[name], `${name} of ${path}`);
    }
  }

  /** Everything that was settled became something, or is in flight; log, entries, calls and totals agree. */
  async checkSums(): Promise<void> {
    const { store } = this.#at;
    const { settled, converted, overhead, waste, inFlight } = await store.totals(this.#run);
    const add = (kinds: object) => Object.values(kinds).reduce((sum, n) => sum + n, 0);
    assert.equal(settled, converted + add(overhead) + add(waste) + inFlight);
    assert.equal(settled, this.model.spent);
    const of = (as: string) =>
      this.model.classed.filter((p) => p.as === as).reduce((sum, { amount }) => sum + amount, 0);
    assert.deepEqual(
      [converted, add(overhead), add(waste)],
      [of("converted"), of("overhead"), of("waste")],
    );
    const run = (await store.state(this.#run))?.run;
    assert.equal(run?.spent, this.model.spent);
    assert.equal(run?.excess ?? 0, this.model.excess);
    const { calls, entries } = await store.raw(this.#run);
    assert.equal(entryProblem(calls, entries), undefined);
  }

  async #reserve(pick: number, a: number, b: number): Promise<void> {
    const [task, attempt] = [TASKS[pick % 4], ATTEMPTS[(pick >> 2) % 4]];
    const accounts = this.#limits.accounts(task, attempt, this.#at.clock.now());
    const [amount, tokens] = [a % 400, b % 120];
    const hour = b % 2 === 0 ? this.#limits.hour : undefined;
    const id = `${this.#run}-${this.#made++}`;
    const answer = await this.#at.store.reserve(this.#fence, call(id, amount, tokens), {
      accounts,
      ...(hour === undefined ? {} : { hour }),
    });
    const expected = this.model.refusal(accounts, amount, tokens);
    if (expected !== undefined) {
      const level = refusedAt(expected);
      assert.equal(refusedAt(answer), level, `the ${level} has no room and did not say so`);
      assert.deepEqual(answer, expected);
      const before = this.#limits.isShared(expected.level) ? this.model.calls : [];
      const alone = new LedgerModel(before).refusal(accounts, amount, tokens);
      if (alone?.path !== expected.path && level) this.refused.add(level);
      return;
    }
    if (hour !== undefined && this.#overHour(answer, amount, hour)) return;
    assert.deepEqual(answer, { kind: "granted" });
    const paths = accounts.map(({ path }) => path);
    this.model.reserve({ id, epoch: this.#fence.epoch, amount, tokens, paths });
  }

  /** Whether the run's last hour cannot hold so much; the answer then says so. */
  #overHour(answer: ReserveAnswer, amount: number, hour: number): boolean {
    const left = Math.max(0, hour - this.model.withinHour(this.#now));
    if (amount <= left) return false;
    assert.equal(refusedAt(answer), "hour", "the hour has no room and did not say so");
    assert.ok(answer.kind === "refused");
    assert.equal(answer.available, left);
    const until = answer.until === undefined ? undefined : Date.parse(answer.until);
    this.model.checkUntil(until, this.#now, amount, hour);
    if (amount <= hour) this.refused.add("hour");
    return true;
  }

  async #settle(one: ModelCall, kind: Op[0], a: number, b: number): Promise<void> {
    const state =
      kind === "release" ? "released" : kind === "estimate" ? "estimated" : ("settled" as const);
    const known = kind === "lie" ? one.amount + a : (one.amount * a) / 1000;
    const cost = state === "released" ? 0 : state === "estimated" ? one.amount : Math.floor(known);
    const usage =
      b % 4 === 0 || state !== "settled"
        ? undefined
        : { ...NO_USAGE, input: b % 100, output: kind === "lie" ? b : 0 };
    const settling = this.#at.store.settle(
      this.#fence,
      { id: one.id, state, cost, ...(usage === undefined ? {} : { usage }) },
      { events: state === "released" ? [] : [called("s", one.id, cost)] },
    );
    if (one.epoch !== this.#fence.epoch) return assert.rejects(settling, /reserved no call/);
    await settling;
    // a replay, whatever it says, changes nothing
    if (one.state === "open") this.model.end(one, state, cost, usage, this.#now);
  }

  /** A repeated reservation. */
  async #again(one: ModelCall, a: number): Promise<void> {
    const { id, amount, tokens, epoch, paths } = one;
    const accounts = paths.map((path) => ({ level: "run", path, limit: 0 }) as const);
    const other = a % 2 === 0 ? amount : amount + 1;
    const repeating = this.#at.store.reserve(this.#fence, call(id, other, tokens), {
      accounts,
    });
    if (other !== amount || epoch !== this.#fence.epoch)
      return assert.rejects(repeating, /was reserved before/);
    assert.deepEqual(await repeating, { kind: "granted" });
  }

  async #adjust(one: ModelCall, a: number): Promise<void> {
    const cost = Math.floor((one.amount * a) / 800);
    const adjusting = this.#at.store.adjust(this.#run, one.id, { cost }, "billed");
    if (one.state === "settled" && one.cost + one.excess === cost) return adjusting;
    if (one.state !== "estimated" || one.parts !== undefined) return assert.rejects(adjusting);
    await adjusting;
    this.model.end(one, "settled", cost, undefined, this.#now);
  }

  /** Every call that can be classed, or one of them, or some that cannot. */
  async #classify(a: number, b: number): Promise<void> {
    const chosen = this.model.calls.filter((_, i) => b % 5 === 0 || (a >> (i % 10)) % 2 === 0);
    const calls = chosen.map(({ id, cost }): ClassedCall => {
      const landed = Math.floor((cost * (b % 101)) / 100);
      const parts: ClassedCall["parts"] = [
        { as: "converted", commit: COMMIT, amount: landed },
        { as: "waste", kind: "rejected", amount: Math.floor((cost - landed) / 2) },
        { as: "overhead", kind: "review", amount: Math.ceil((cost - landed) / 2) },
      ];
      return { call: id, parts };
    });
    if (calls.length === 0) return;
    const told = { type: "spend.classed", ...classedSums(calls) } as const;
    const classing = this.#at.store.classify(this.#run, calls, [told]);
    const ready = chosen.every(({ state }) => state === "settled" || state === "estimated");
    const fresh = chosen.filter(({ parts }) => parts === undefined);
    if (fresh.length === 0) return classing;
    if (!ready || fresh.length < chosen.length) return assert.rejects(classing, /classed/);
    await classing;
    for (const [i, one] of chosen.entries()) one.parts = calls[i]?.parts ?? [];
  }

  /** Settles what nobody can settle any more, and claims the step anew. */
  async #orphans(over: boolean): Promise<void> {
    const { store, clock } = this.#at;
    if (over) clock.advance(LEASE_MS);
    const ended = this.#now >= this.#leaseUntil;
    const open = this.model.calls.filter(
      ({ state, epoch }) => state === "open" && (ended || epoch < this.#fence.epoch),
    );
    const settled = await store.settleOrphans(this.#run);
    assert.deepEqual(
      settled.map(({ id, cost }) => [id, cost]),
      open.map(({ id, amount }) => [id, amount]),
    );
    for (const one of open) this.model.end(one, "estimated", one.amount, undefined, this.#now);
    if (!ended) return;
    this.#stale = this.#fence;
    this.#fence = await claimed(store, this.#run, "s", LEASE_MS);
    this.#leaseUntil = this.#now + LEASE_MS;
  }

  /** A worker whose epoch is over tells how its call came out. */
  async #late(one: ModelCall): Promise<void> {
    if (this.#stale === undefined) return;
    const { store } = this.#at;
    const released = { id: one.id, state: "released", cost: 0 } as const;
    await assert.rejects(store.settle(this.#stale, released, {}), StaleEpochError);
    const next = call("late", 1, 1);
    await assert.rejects(store.reserve(this.#stale, next, { accounts: [] }), StaleEpochError);
  }

  /** A settlement that cannot be right. */
  async #strange(one: ModelCall): Promise<void> {
    if (one.state !== "open" || one.epoch !== this.#fence.epoch) return;
    const { store } = this.#at;
    const settle = (cost: number, told: number) =>
      store.settle(
        this.#fence,
        { id: one.id, state: "settled", cost },
        { events: [called("s", one.id, told)] },
      );
    await assert.rejects(settle(3, 4), /but its model.called events say/);
    await assert.rejects(settle(-1, -1));
    await assert.rejects(settle(0.5, 0.5));
  }

  /** The process dies in the middle of a settlement, or between two transactions. */
  async #die(one: ModelCall | undefined): Promise<void> {
    if (one?.state === "open" && one.epoch === this.#fence.epoch) {
      this.#at.failNext();
      const events = [called("s", one.id, one.amount)];
      const settled = { id: one.id, state: "settled", cost: one.amount } as const;
      await assert.rejects(this.#at.store.settle(this.#fence, settled, { events }), /died/);
    } else this.#at.reopen();
  }

  #pick(pick: number): ModelCall | undefined {
    const { calls } = this.model;
    return calls[pick % Math.max(1, calls.length)];
  }

  get #now(): number {
    return this.#at.clock.now().getTime();
  }
}
