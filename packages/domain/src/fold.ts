import type { EventType, StoredEvent } from "./events.ts";
import { foldBuild } from "./fold/build.ts";
import { foldLedger } from "./fold/ledger.ts";
import { inPico } from "./fold/older.ts";
import { foldPlan } from "./fold/plan.ts";
import { foldRun, submitted } from "./fold/run.ts";
import { foldSteps } from "./fold/steps.ts";
import type { Folds } from "./fold/types.ts";
import type { RunState } from "./run-state.ts";

const FOLDS: Folds<Exclude<EventType, "run.submitted">> = {
  ...foldRun,
  ...foldSteps,
  ...foldPlan,
  ...foldBuild,
  ...foldLedger,
};

/**
 * The next state of a run. Pure and total over the event union: an event type without a fold does not
 * compile. `state` is undefined only before `run.submitted`.
 */
export const fold = (state: RunState | undefined, event: StoredEvent): RunState => {
  if (event.type === "run.submitted")
    return submitted(event.amounts === "pico" ? event : inPico(event));
  if (state === undefined)
    throw new Error(`event ${event.seq} of run ${event.run} precedes run.submitted`);
  // the table is total, but TypeScript cannot pair a union's member with its own entry
  const apply = FOLDS[event.type] as (s: RunState, e: StoredEvent) => RunState;
  const next = apply(state, state.run.amounts === "pico" ? event : inPico(event));
  return { ...next, run: { ...next.run, seq: event.seq, lastEventAt: event.at } };
};

/** Folds a whole log. */
export const foldAll = (events: Iterable<StoredEvent>): RunState | undefined => {
  let state: RunState | undefined;
  for (const event of events) state = fold(state, event);
  return state;
};
