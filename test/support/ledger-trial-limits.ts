import { strict as assert } from "node:assert";
import { type Account, type AccountSums, accountsOf, type BudgetLevel } from "@headrace/domain";
import fc from "fast-check";
import type { Sql } from "../../packages/store/src/sql.ts";

/** In pico-dollars, and in tokens for `tokens`. */
export type Limits = Record<BudgetLevel, number>;

const upTo = (max: number) => fc.noBias(fc.integer({ min: 100, max }));

/** Each on its own, so that any level may be the first to be used up, whatever is above it. */
export const anyLimits: fc.Arbitrary<Limits> = fc.record({
  ...{ installation: upTo(2000), day: upTo(2000), run: upTo(1500), hour: upTo(800) },
  ...{ task: upTo(500), attempt: upTo(300), tokens: upTo(1000) },
});

const levelOf = (path: string): BudgetLevel => {
  const [kind, , of, number] = path.split("/");
  if (kind === "of") return of === "day" ? "day" : "installation";
  if (of === undefined) return "run";
  return number === undefined ? "task" : "attempt";
};

/**
 * Limits of one run as a factory has them. Its installation has a name, so that one file can hold many: runs of the
 * same share its accounts.
 */
export class TrialLimits {
  readonly #run: string;
  readonly #shared: string;
  readonly #limits: Limits;

  constructor(installation: string, run: string, limits: Limits) {
    this.#run = run;
    this.#shared = `of/${installation}`;
    this.#limits = { ...limits };
  }

  get #above(): string[] {
    return [`run/${this.#run}/`, `${this.#shared}/`];
  }

  get hour(): number {
    return this.#limits.hour;
  }

  /** By so much for the run, and by parts of it for what is beside and below it. */
  raise(by: number): void {
    this.#limits.run += by;
    this.#limits.task += by >> 1;
    this.#limits.tokens += by >> 2;
    this.#limits.hour += by >> 2;
  }

  accounts(task: string | undefined, attempt: number | undefined, at: Date): Account[] {
    const owner = {
      run: this.#run,
      ...(task === undefined ? {} : { task }),
      ...(attempt === undefined ? {} : { attempt }),
    };
    const limits = { ...this.#limits, total: this.#limits.installation };
    return accountsOf(owner, limits, at).map((account) =>
      this.isShared(account.level)
        ? { ...account, path: `${this.#shared}/${account.path}` }
        : account,
    );
  }

  isShared(level: BudgetLevel): boolean {
    return level === "installation" || level === "day";
  }

  /** Whether it is an account of the run or one it shares. */
  has(path: string): boolean {
    return path === `run/${this.#run}` || this.#above.some((above) => path.startsWith(above));
  }

  /** What the store holds of the run's accounts and of those it shares: none is above its limit. */
  check(sql: Sql): AccountSums[] {
    const rows = sql.all<AccountSums>(
      `SELECT path, reserved, settled, excess, reserved_tokens AS reservedTokens,
         settled_tokens AS settledTokens, excess_tokens AS excessTokens
       FROM accounts WHERE path = ? OR path BETWEEN ? AND ? OR path BETWEEN ? AND ?`,
      `run/${this.#run}`,
      ...this.#above.flatMap((above) => [above, `${above}~`]),
    );
    for (const { path, reserved, settled, reservedTokens, settledTokens } of rows) {
      const level = levelOf(path);
      this.#within(level, reserved + settled, path);
      if (level === "run") this.#within("tokens", reservedTokens + settledTokens, path);
    }
    return rows;
  }

  /** Of what the run settled within one hour. */
  checkHour(settled: number): void {
    this.#within("hour", settled, this.#run);
  }

  #within(level: BudgetLevel, taken: number, of: string): void {
    const limit = this.#limits[level];
    assert.ok(taken <= limit, `the ${level} was passed: ${taken} of ${limit}, ${of}`);
  }
}
