import type { Clock, Store } from "@headrace/domain";
import { afterEach, beforeEach } from "vitest";
import { ManualClock, submitted } from "./store-fixtures.ts";

/** Opens an empty store; closing what it returns removes the store. */
export type OpenStore = (clock: Clock) => Promise<AsyncDisposable & { store: Store }>;

export type Context = { clock: ManualClock; store: Store };

/** A store of its own for each test, in which run r1 was submitted with a budget of 1000. */
export const withStore = (open: OpenStore): Context => {
  const context = {} as Context;
  let opened: Awaited<ReturnType<OpenStore>>;
  beforeEach(async () => {
    context.clock = new ManualClock();
    opened = await open(context.clock);
    context.store = opened.store;
    await context.store.append("r1", [submitted()]);
  });
  afterEach(() => opened[Symbol.asyncDispose]());
  return context;
};
