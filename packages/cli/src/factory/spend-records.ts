import { existsSync } from "node:fs";
import {
  type AccountSums,
  type DemandRow,
  PRODUCT,
  type RunSpend,
  type RunState,
  type TryRow,
  UserError,
} from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import type { DataDir } from "../data-dir.ts";

type Exhaust = { tries: TryRow[]; demand: DemandRow[] };

/** What the ledger holds of one run, or of all. */
export type SpendRecords = AsyncDisposable & {
  states: RunState[];
  spend(): Promise<RunSpend[]>;
  exhaust(): Promise<Exhaust>;
  accounts(paths: readonly string[]): Promise<AccountSums[]>;
};

/** Opens nothing for writing, so a factory may run beside it. */
export const openSpend = async (data: DataDir, run: string | undefined): Promise<SpendRecords> => {
  if (!existsSync(data.store)) return nothingIn(data, run);
  await using closing = new AsyncDisposableStack();
  const store = await openStore({ file: data.store, clock: createClock(), readOnly: true });
  closing.defer(() => store.close());
  const named = run === undefined ? undefined : await store.state(run);
  if (run !== undefined && named === undefined)
    throw new UserError(`there is no run ${run}`, `\`${PRODUCT} status\` lists the runs.`);
  const states = named === undefined ? await store.runs() : [named];
  const spendOf = async (state: RunState): Promise<RunSpend> => {
    const { id } = state.run;
    return { state, calls: await store.calls(id), classed: await store.classed(id) };
  };
  const kept = closing.move();
  return {
    states,
    spend: () => Promise.all(states.map(spendOf)),
    exhaust: () => store.exhaust(run),
    accounts: (paths) => store.accounts(paths),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};

/** A data directory no factory has ever used. */
const nothingIn = ({ root }: DataDir, run: string | undefined): SpendRecords => {
  if (run !== undefined)
    throw new UserError(
      `there are no runs in ${root}`,
      "Name the run's data directory: --data DIR",
    );
  return {
    states: [],
    spend: async () => [],
    exhaust: async () => ({ tries: [], demand: [] }),
    accounts: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
};
