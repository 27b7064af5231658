import { existsSync } from "node:fs";
import { type FactoryControl, PRODUCT, type RunState, UserError } from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import type { DataDir } from "../data-dir.ts";
import { connect } from "./control-file.ts";

/** What verbs that only read need of a factory. */
export type FactoryReader = Pick<FactoryControl, "runs" | "run" | "events" | "blob"> &
  AsyncDisposable;

/** A factory to read from, which goes on when the reader is closed. */
export const readerOf = (control: FactoryControl): FactoryReader => ({
  ...control,
  [Symbol.asyncDispose]: async () => undefined,
});

/** The running factory, else the store opened read-only: to look at a run starts nothing. */
export const openReader = async (data: DataDir): Promise<FactoryReader> => {
  const running = await connect(data);
  if (running) return readerOf(running.control);
  if (!existsSync(data.store)) return nothingIn(data);
  const store = await openStore({ file: data.store, clock: createClock(), readOnly: true });
  const run = async (id: string): Promise<RunState> => {
    const state = await store.state(id);
    if (state === undefined)
      throw new UserError(`there is no run ${id}`, `\`${PRODUCT} status\` lists the runs.`);
    return state;
  };
  return {
    runs: () => store.runs(),
    run,
    async *events(id, after) {
      await run(id);
      for (let seen = after; ; ) {
        const batch = await store.events(id, seen);
        if (batch.length === 0) return;
        yield* batch;
        seen = batch.at(-1)?.seq ?? seen;
      }
    },
    async blob(_run, id) {
      const bytes = await store.getBlob(id);
      if (bytes === undefined) throw new UserError(`there is no blob ${id}`);
      return bytes;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
};

/** A data directory no factory has ever used. */
const nothingIn = ({ root }: DataDir): FactoryReader => {
  const none = (): never => {
    throw new UserError(
      `there are no runs in ${root}`,
      `Start one: \`${PRODUCT} run spec.md --repo DIR\`, or name the run's data directory: --data DIR`,
    );
  };
  return {
    runs: async () => [],
    run: async () => none(),
    events: none,
    blob: async () => none(),
    [Symbol.asyncDispose]: async () => undefined,
  };
};

/** The run that was named, else the newest one. */
export const pickRun = async (
  reader: Pick<FactoryControl, "runs" | "run">,
  id: string | undefined,
): Promise<RunState> => {
  if (id !== undefined) return reader.run(id);
  const newest = (await reader.runs()).at(-1);
  if (newest === undefined)
    throw new UserError(
      "there are no runs yet",
      `Start one: \`${PRODUCT} run spec.md --repo DIR\``,
    );
  return newest;
};
