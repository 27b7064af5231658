import { setTimeout as sleep } from "node:timers/promises";
import {
  exitCode,
  type FactoryControl,
  fold,
  isBooked,
  isEnded,
  picoReader,
  type RunState,
  type StoredEvent,
} from "@headrace/domain";
import { askForConsent, type Ways } from "./ask-consent.ts";
import type { DataDir } from "./data-dir.ts";
import { factoryOf } from "./factory/going-on.ts";
import { openReader, readerOf } from "./factory/reader.ts";
import { eventLine } from "./view/event-line.ts";
import { createLiveView } from "./view/live-view.ts";
import { previewLines } from "./view/preview-lines.ts";
import { reportLines } from "./view/report.ts";
import { hasBegun } from "./view/run-lines.ts";
import type { World } from "./world.ts";

export type FollowOptions = {
  data: DataDir;
  json: boolean;
  /** a factory in this process: leaving the view parks the run */
  own?: FactoryControl;
};

type Followed = Pick<FactoryControl, "run" | "events">;

/**
 * Shows a run until it ends or waits for a person, and answers with the run's exit code; undefined when the
 * viewer left first, which changes nothing for the run. Whoever sits at a terminal is asked for a consent there.
 */
export const followRun = async (
  world: World,
  control: Followed,
  run: string,
  options: FollowOptions,
): Promise<number | undefined> => {
  const { data, json } = options;
  await using opened = new AsyncDisposableStack();
  for (let followed = control; ; ) {
    const last = await showRun(world, followed, run, options);
    // nothing is asked of who reads events
    const next =
      last && !json
        ? await askForConsent(world, last, waysTo(world, run, options), data.command)
        : undefined;
    if (next === undefined) return endOf(world, followed, last, run, options);
    followed = opened.use(next);
  }
};

/** No other process reaches a factory in this one, and no other factory can own its data directory. */
const waysTo = (world: World, run: string, { data, own }: FollowOptions): Ways =>
  own === undefined
    ? { reader: () => openReader(data), factory: () => factoryOf(data, run, world) }
    : { reader: async () => readerOf(own), factory: async () => own };

/** Its newest state, once nothing but a person moves it; undefined when there is none, or the viewer has left. */
const showRun = async (
  world: World,
  control: Followed,
  run: string,
  { data, json, own }: FollowOptions,
): Promise<RunState | undefined> => {
  const leaving = own
    ? "Ctrl-C parks the run"
    : `it goes on without this terminal, ${data.command(`watch ${run}`)} shows it again`;
  const show = json
    ? jsonLines(world)
    : world.terminal
      ? createLiveView(world.terminal, leaving, data.command)
      : plainLines(world, leaving);
  return watchEvents(control, run, world.interrupt, show).finally(() => show.close());
};

const endOf = async (
  world: World,
  control: Followed,
  last: RunState | undefined,
  run: string,
  { data, json, own }: FollowOptions,
): Promise<number | undefined> => {
  if (last === undefined || world.interrupt.aborted) {
    if (!json && own === undefined) world.out(`the run goes on: ${data.command(`watch ${run}`)}`);
    return undefined;
  }
  if (!json) {
    const booked = await whenBooked(control, last, world.interrupt);
    for (const line of reportLines(booked, data.command)) world.out(line);
  }
  const code = exitCode(last);
  if (code !== undefined) return code;
  world.err(
    `headrace: no factory works on run ${run} now; start one: ${data.command(`resume ${run}`)}`,
  );
  return 1;
};

const BOOKING_MS = 100;
const BOOKING_TIMES = 50;

/** The run once it is booked what its last calls came to, which is moments after its end; not waited for long. */
const whenBooked = async (
  control: Pick<FactoryControl, "run">,
  last: RunState,
  interrupt: AbortSignal,
): Promise<RunState> => {
  let state = last;
  for (let i = 0; i < BOOKING_TIMES && isEnded(state.run.status) && !isBooked(state); i++) {
    if (interrupt.aborted) break;
    await sleep(BOOKING_MS);
    state = await control.run(last.run.id);
  }
  return state;
};

/** How a view takes part in following. */
export interface View {
  /** the run after this event */
  event(event: StoredEvent, state: RunState): void;
  close(): void;
}

const jsonLines = (world: World): View => ({
  event: (event) => world.out(JSON.stringify(event)),
  close: () => undefined,
});

const plainLines = (world: World, leaving: string): View => {
  const inPico = picoReader();
  let told = false;
  return {
    event(event, state) {
      // the plan is accepted, what it may come to is shown, and nobody is to be asked about that any more
      if (!told && hasBegun(state)) world.out(`          You can walk away now: ${leaving}.`);
      told ||= hasBegun(state);
      const line = eventLine(inPico(event));
      if (line !== undefined) world.out(line);
      if (event.type !== "plan.accepted" || event.preview === undefined) return;
      for (const about of previewLines(event.preview)) world.out(`          ${about}`);
    },
    close: () => undefined,
  };
};

/** Folds events as they come, until nothing but a person can move the run, or `interrupt` is aborted. */
export const watchEvents = async (
  control: Pick<FactoryControl, "run" | "events">,
  run: string,
  interrupt: AbortSignal,
  view: View,
): Promise<RunState | undefined> => {
  let state: RunState | undefined;
  const stop = new AbortController();
  const signal = AbortSignal.any([interrupt, stop.signal]);
  try {
    for await (const event of control.events(run, 0, signal)) {
      state = fold(state, event);
      view.event(event, state);
      // events of the past may look like an end; only the newest state tells
      if (exitCode(state) !== undefined && (await control.run(run)).run.seq <= state.run.seq) break;
    }
  } catch (error) {
    if (!interrupt.aborted) throw error;
  } finally {
    stop.abort();
  }
  return state;
};
