import { accountsOf } from "@headrace/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import { connect } from "../../packages/store/src/connect.ts";
import { migrate } from "../../packages/store/src/migrations.ts";
import { SqliteStore } from "../../packages/store/src/sqlite-store.ts";
import { type Crashable, LedgerTrial, OPS, type Op } from "../support/ledger-trial.ts";
import { call, called, claimed, ManualClock, START, submitted } from "./suites/store-fixtures.ts";

const BATCHES = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const SEQUENCES = 1100;
const CROWDS = 100;
const CALLERS = 64;

let runs = 0;

/**
 * The store that a file holds, without the file: a hundred thousand flushes to a disk would say nothing more. What a
 * process has beside its database is lost whenever it is opened again.
 */
const inMemory = (): Crashable & Disposable => {
  const clock = new ManualClock();
  let failing = false;
  const sql = connect(":memory:", false, (memory) => {
    migrate(memory, "memory");
    return memory;
  });
  const open = () =>
    new SqliteStore({
      sql,
      clock,
      uncleanStop: false,
      close: () => undefined,
      // the log asks for it after entries and accounts were written
      redact: (text) => {
        if (!failing) return text;
        failing = false;
        throw new Error("the process died");
      },
    });
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

test.each(BATCHES)(
  `whatever happens to calls, in ${SEQUENCES} orders, no account is passed, sums are conserved and replays change nothing (%i of ${BATCHES.length})`,
  async () => {
    using at = inMemory();
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 4, maxLength: 12 }), async (ops) => {
        const trial = await LedgerTrial.begin(at, `r${++runs}`);
        for (const one of ops) {
          await trial.apply(one);
          trial.checkAccounts();
        }
        await trial.checkSums();
      }),
      { numRuns: SEQUENCES },
    );
    expect(await at.store.integrity()).toEqual([]);
  },
);

test(`${CALLERS} callers at once, in ${CROWDS} orders, never pass a budget between them, and lose nothing`, async () => {
  using at = inMemory();
  const { store, sql } = at;
  const script = fc.array(fc.tuple(fc.nat(300), fc.nat(1500)), { minLength: CALLERS });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), script, async (scheduler, amounts) => {
      const run = `r${++runs}`;
      await store.append(run, [submitted(1000)]);
      const fence = await claimed(store, run, "s", 60_000);
      const accounts = accountsOf({ run }, { run: 1000 }, new Date(START)).slice(-1);
      const within = () => {
        const taken = "SELECT reserved + settled AS taken FROM accounts WHERE path = ?";
        const sums = sql.get<{ taken: number }>(taken, `run/${run}`);
        expect(sums?.taken ?? 0).toBeLessThanOrEqual(1000);
      };
      const turn = (label: string) => scheduler.schedule(Promise.resolve(), label);
      const caller = async (i: number): Promise<number> => {
        const [amount = 1, permille = 1000] = amounts[i] ?? [];
        const id = `${run}-${i}`;
        await turn(`reserve ${i}`);
        const answer = await store.reserve(fence, call(id, amount), { accounts });
        within();
        if (answer.kind === "refused") return 0;
        await turn(`settle ${i}`);
        const cost = Math.floor((amount * permille) / 1000);
        const events = [called("s", id, cost)];
        await store.settle(fence, { id, state: "settled", cost }, { events });
        within();
        return Math.min(cost, amount);
      };
      const all = Promise.all(Array.from({ length: CALLERS }, (_, i) => caller(i)));
      const booked = (await scheduler.waitFor(all)).reduce((sum, cost) => sum + cost, 0);
      expect((await store.totals(run)).settled).toBe(booked);
      expect((await store.state(run))?.run.spent).toBe(booked);
    }),
    { numRuns: CROWDS },
  );
});
