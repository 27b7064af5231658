import {
  type Account,
  BudgetLevel,
  type Fence,
  type Reservation,
  type ReserveAnswer,
} from "@headrace/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import { connect } from "../../packages/store/src/connect.ts";
import { migrate } from "../../packages/store/src/migrations.ts";
import { SqliteStore } from "../../packages/store/src/sqlite-store.ts";
import { refusedAt } from "../support/ledger-model.ts";
import {
  ATTEMPTS,
  type Crashable,
  LedgerTrial,
  OPS,
  type Op,
  TASKS,
} from "../support/ledger-trial.ts";
import { anyLimits, TrialLimits } from "../support/ledger-trial-limits.ts";
import { call, called, claimed, ManualClock, submitted } from "./suites/store-fixtures.ts";

const BATCHES = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const SEQUENCES = 1100;
const CROWDS = 100;
const CALLERS = 64;
const LEVELS = new Set(BudgetLevel.options);

let made = 0;

type Bounds = { accounts: readonly Account[]; hour?: number };

/** A store that moves money on every account, and has one level refuse nothing. */
class BlindStore extends SqliteStore {
  readonly #to: BudgetLevel;

  constructor(parts: ConstructorParameters<typeof SqliteStore>[0], to: BudgetLevel) {
    super(parts);
    this.#to = to;
  }

  override reserve(fence: Fence, asked: Reservation, bounds: Bounds): Promise<ReserveAnswer> {
    const accounts = bounds.accounts.map(({ limit, tokens, ...account }) => ({
      ...account,
      ...(limit === undefined || account.level === this.#to ? {} : { limit }),
      ...(tokens === undefined || this.#to === "tokens" ? {} : { tokens }),
    }));
    const hour = this.#to === "hour" ? undefined : bounds.hour;
    return super.reserve(fence, asked, { accounts, ...(hour === undefined ? {} : { hour }) });
  }
}

/**
 * The store that a file holds, without the file: a hundred thousand flushes to a disk would say nothing more. What a
 * process has beside its database is lost whenever it is opened again.
 */
const inMemory = (blindTo?: BudgetLevel): Crashable & Disposable => {
  const clock = new ManualClock();
  let failing = false;
  const sql = connect(":memory:", false, (memory) => {
    migrate(memory, "memory");
    return memory;
  });
  const parts = {
    sql,
    clock,
    uncleanStop: false,
    close: () => undefined,
    // the log asks for it after entries and accounts were written
    redact: (text: string) => {
      if (!failing) return text;
      failing = false;
      throw new Error("the process died");
    },
  };
  const open = () =>
    blindTo === undefined ? new SqliteStore(parts) : new BlindStore(parts, blindTo);
  let store = open();
  return {
    clock,
    sql,
    get store() {
      return store;
    },
    failNext: () => {
      failing = true;
    },
    reopen: () => {
      store = open();
    },
    [Symbol.dispose]: () => sql.close(),
  };
};

const op: fc.Arbitrary<Op> = fc.tuple(
  fc.constantFrom(...OPS),
  fc.nat(20),
  fc.nat(1000),
  fc.nat(1000),
);
/** Every fourth is the other run's. */
const step = fc.tuple(fc.constantFrom(0, 0, 0, 1), op);
const steps = fc.oneof(
  { weight: 3, arbitrary: fc.array(step, { minLength: 4, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.array(step, { minLength: 20, maxLength: 40 }) },
);

/** Whatever two runs of one installation do, the ledger says what its model says. Collects at which levels it refused. */
const agrees = (at: Crashable, refused: BudgetLevel[] = []) =>
  fc.asyncProperty(anyLimits, steps, async (limits, sequence) => {
    const trials = await LedgerTrial.begin(at, `i${++made}`, limits);
    for (const [whose, one] of sequence) {
      await trials[whose]?.apply(one);
      trials[whose]?.checkAccounts();
    }
    for (const trial of trials) {
      trial.checkAccounts();
      await trial.checkSums();
      refused.push(...trial.refused);
    }
  });

/** Callers of two runs at once, of any task and attempt; every fourth is the other run's. */
const crowd = fc.array(
  fc.record({
    run: fc.constantFrom(0, 0, 0, 1),
    task: fc.constantFrom(...TASKS),
    attempt: fc.constantFrom(...ATTEMPTS),
    ...{ amount: fc.nat(300), tokens: fc.nat(60), permille: fc.nat(1500) },
  }),
  { minLength: CALLERS, maxLength: CALLERS },
);

/** Whatever their order, no account is ever above its limit, and what was booked is what the ledger says. */
const holds = ({ store, sql, clock }: Crashable, refused: BudgetLevel[] = []) =>
  fc.asyncProperty(fc.scheduler(), anyLimits, crowd, async (scheduler, limits, callers) => {
    const name = `i${++made}`;
    const begun = ["a", "b"].map(async (of) => {
      const run = `${name}-${of}`;
      await store.append(run, [submitted(1000)]);
      const fence = await claimed(store, run, "s", 60_000);
      return { run, fence, bounds: new TrialLimits(name, run, limits), booked: 0 };
    });
    const runs = await Promise.all(begun);
    const turn = (label: string) => scheduler.schedule(Promise.resolve(), label);
    const ask = async ({ run: whose, ...caller }: (typeof callers)[number], i: number) => {
      const own = runs[whose];
      if (own === undefined) return;
      const { run, fence, bounds } = own;
      const held = call(`${run}-${i}`, caller.amount, caller.tokens);
      const accounts = bounds.accounts(caller.task, caller.attempt, clock.now());
      await turn(`reserve ${i}`);
      const answer = await store.reserve(fence, held, { accounts, hour: bounds.hour });
      bounds.check(sql);
      const level = refusedAt(answer);
      if (level !== undefined) {
        refused.push(level);
        return;
      }
      await turn(`settle ${i}`);
      const cost = Math.floor((held.amount * caller.permille) / 1000);
      const events = [called("s", held.id, cost)];
      await store.settle(fence, { id: held.id, state: "settled", cost }, { events });
      bounds.check(sql);
      own.booked += Math.min(cost, held.amount);
      bounds.checkHour(own.booked);
    };
    await scheduler.waitFor(Promise.all(callers.map(ask)));
    for (const { run, booked } of runs) {
      expect((await store.totals(run)).settled).toBe(booked);
      expect((await store.state(run))?.run.spent).toBe(booked);
    }
  });

test.each(BATCHES)(
  `whatever happens to calls, in ${SEQUENCES} orders, no account is passed, sums are conserved and replays change nothing (%i of ${BATCHES.length})`,
  async () => {
    using at = inMemory();
    const refused: BudgetLevel[] = [];
    await fc.assert(agrees(at, refused), { numRuns: SEQUENCES });
    expect(new Set(refused)).toEqual(LEVELS);
    expect(await at.store.integrity()).toEqual([]);
  },
);

test(`${CALLERS} callers of two runs at once, in ${CROWDS} orders, never pass a budget of any level between them, and lose nothing`, async () => {
  using at = inMemory();
  const refused: BudgetLevel[] = [];
  await fc.assert(holds(at, refused), { numRuns: CROWDS });
  expect(new Set(refused)).toEqual(LEVELS);
});

test.each([...LEVELS])("a ledger that forgets the limit of the %s is found out", async (level) => {
  using at = inMemory(level);
  const once = { numRuns: SEQUENCES, endOnFailure: true };
  const [alone, many] = [await fc.check(agrees(at), once), await fc.check(holds(at), once)];
  expect(String(alone.errorInstance)).toContain(`the ${level} has no room and did not say so`);
  expect(String(many.errorInstance)).toContain(`the ${level} was passed`);
});
