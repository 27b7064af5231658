import { setTimeout as sleep } from "node:timers/promises";
import {
  type FactoryControl,
  fold,
  InfrastructureError,
  plainLine,
  type QuestionRow,
  type RunState,
  UserError,
  waitingOnPerson,
} from "@headrace/domain";
import type { AskPerson } from "./ask-person.ts";
import { type Command, withCommands } from "./command.ts";
import { type FactoryReader, readerOf } from "./factory/reader.ts";
import type { World } from "./world.ts";

/** Ways to what works on a run now: a factory may leave, and another one start, while a person thinks. */
export type Ways = {
  /** what there is to read; starts nothing */
  reader(): Promise<FactoryReader>;
  /** whom to tell an answer, started where none runs */
  factory(): Promise<FactoryControl>;
};

const PROMPT = "yes / no / USD: ";
/** between two looks where nothing tells of new events */
const LOOK_MS = 1000;

/**
 * Asks the person at the terminal for the consent that a run waits for, until it waits for it no more: it is answered
 * here or elsewhere, or the run has stopped. Answers with whom to follow the run with from then on; undefined where it
 * waits for no consent, nobody can be asked, or the person leaves.
 */
export const askForConsent = async (
  { terminal, interrupt, out, err }: World,
  state: RunState,
  ways: Ways,
  command: Command,
): Promise<FactoryReader | undefined> => {
  const open = awaited(state);
  if (open === undefined || terminal?.ask === undefined || interrupt.aborted) return undefined;
  const { ask } = terminal;
  out(`\n${plainLine(open.text, 1000)}`);
  for (let newest = state; ; ) {
    const typed = await typedUnlessMoved(ask, interrupt, { ways, newest, question: open.id });
    if (typed === "left") return undefined;
    if (typed === "moved") {
      // the prompt stands at the line's beginning
      out("");
      return await ways.reader();
    }
    const factory = await ways.factory();
    try {
      await factory.answer(state.run.id, open.id, typed.line.trim());
      return readerOf(factory);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      err(withCommands(error, command).message);
      newest = await factory.run(state.run.id);
      if (awaited(newest)?.id !== open.id) return readerOf(factory);
    }
  }
};

/** The consent that this run waits for. */
const awaited = (state: RunState): QuestionRow | undefined =>
  state.run.status === "active" && waitingOnPerson(state)
    ? Object.values(state.questions).find((q) => q.about === "consent" && q.answer === undefined)
    : undefined;

type Asked = { ways: Ways; newest: RunState; question: string };

const typedUnlessMoved = async (
  ask: AskPerson,
  interrupt: AbortSignal,
  asked: Asked,
): Promise<{ line: string } | "left" | "moved"> => {
  const over = new AbortController();
  const signal = AbortSignal.any([interrupt, over.signal]);
  const typing = ask(PROMPT, signal);
  const moving = hasMoved(asked, signal);
  try {
    await Promise.race([typing, moving]);
  } finally {
    over.abort();
  }
  const [line, moved] = await Promise.all([typing, moving]);
  if (line !== undefined) return { line };
  return moved ? "moved" : "left";
};

/** Whether the run waits for that question no more; looks until it does not, or the signal is aborted. */
const hasMoved = async (
  { ways, newest, question }: Asked,
  signal: AbortSignal,
): Promise<boolean> => {
  let state = newest;
  while (!signal.aborted) {
    try {
      await using reader = await ways.reader();
      for await (const event of reader.events(state.run.id, state.run.seq, signal)) {
        state = fold(state, event);
        if (awaited(state)?.id !== question) return true;
      }
    } catch (error) {
      // the factory left, and the next look finds another one or the store; what stays amiss is told to who answers
      const away = error instanceof InfrastructureError || error instanceof UserError;
      if (!signal.aborted && !away) throw error;
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
};
