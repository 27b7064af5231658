import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { EventType, RunState, Store, StoredEvent } from "@headrace/domain";
import { writePrivate } from "../data-dir.ts";
import { eventWords } from "../view/event-line.ts";

/** What a person is called for, and the word their command gets for it. */
const STATUS: Partial<Record<EventType, string>> = {
  "run.completed": "complete",
  "run.planned": "planned",
  "run.incomplete": "incomplete",
  "run.cancelled": "cancelled",
  "run.failed": "failed",
  "budget.stopped": "budget",
  "budget.parked": "parked",
  "step.deferred": "deferred",
  "question.asked": "question",
};

const COMMAND_MS = 30_000;
/** A shorter wait is no news to a person: limits of providers end within the hour. */
const LONG_WAIT_MS = 60 * 60_000;

/**
 * Runs each run's `--notify` command at its end, at a stop, where a task is parked or waits for more than an hour, and at
 * a question, one after the other. How far it has told
 * is kept in `dir`, so that an event is told once, and one that a crash came before is told by the next factory.
 */
export const createNotifier = (options: {
  store: Pick<Store, "runs" | "state" | "events" | "onCommit">;
  dir: string;
  env: NodeJS.ProcessEnv;
  /** what one command may take; 30 s unless given */
  commandMs?: number;
  log(line: string): void;
}): AsyncDisposable & { start(): Promise<void> } => {
  const { store, log } = options;
  let last: Promise<void> = Promise.resolve();
  const waits = new Map<string, Set<string>>();
  const tell = (run: string): void => {
    const ofRun = waits.get(run) ?? new Set();
    waits.set(run, ofRun);
    last = last
      .then(() => tellNews(options, run, ofRun))
      .catch((cause) => log(`notify for ${run}: ${String(cause)}`));
  };
  const unsubscribe = store.onCommit((run, events) => {
    if (events.some(({ type }) => type in STATUS)) tell(run);
  });
  return {
    async start() {
      for (const { run } of await store.runs()) if (run.notify !== undefined) tell(run.id);
    },
    async [Symbol.asyncDispose]() {
      unsubscribe();
      await last;
    },
  };
};

type Options = Parameters<typeof createNotifier>[0];

const tellNews = async (
  { store, dir, env, commandMs = COMMAND_MS, log }: Options,
  run: string,
  waits: Set<string>,
): Promise<void> => {
  const command = (await store.state(run))?.run.notify;
  if (command === undefined) return;
  const marker = join(dir, run);
  const told = Number(await readFile(marker, "utf8").catch(() => "0"));
  for await (const event of eventsAfter(store, run, told)) {
    const status = STATUS[event.type];
    if (status === undefined || !isNews(event, waits)) continue;
    const about = {
      HEADRACE_RUN: run,
      HEADRACE_STATUS: status,
      HEADRACE_MESSAGE: messageOf(event) ?? status,
    };
    const problem = await runCommand(command, { ...withoutKeys(env), ...about }, commandMs);
    if (problem !== undefined) log(`notify for ${run} (${status}): ${problem}`);
    await mkdir(dir, { recursive: true });
    await writePrivate(marker, `${event.seq}\n`);
  }
};

/** Steps that wait until the same moment are told of once. */
const isNews = (event: StoredEvent, waits: Set<string>): boolean => {
  if (event.type !== "step.deferred") return true;
  if (Date.parse(event.until) - Date.parse(event.at) < LONG_WAIT_MS) return false;
  if (waits.has(event.until)) return false;
  waits.add(event.until);
  return true;
};

/** Whose budget it is stands in no words of the event. */
const messageOf = (event: StoredEvent): string | undefined => {
  const words = eventWords(event);
  return event.type === "budget.parked" && words ? `task ${event.task}: ${words}` : words;
};

async function* eventsAfter(
  store: Pick<Store, "events">,
  run: RunState["run"]["id"],
  after: number,
): AsyncIterable<StoredEvent> {
  for (let seen = after; ; ) {
    const batch = await store.events(run, seen);
    if (batch.length === 0) return;
    yield* batch;
    seen = batch.at(-1)?.seq ?? seen;
  }
}

/** The command is the person's own, but a notification needs no key. */
const withoutKeys = ({
  ANTHROPIC_API_KEY: _,
  ANTHROPIC_AUTH_TOKEN: __,
  HEADRACE_TOKEN: ___,
  ...env
}: NodeJS.ProcessEnv) => env;

/** Why it did not work; its whole process group is ended when it takes too long. */
const runCommand = (
  command: string,
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", command], {
      cwd: homedir(),
      env,
      stdio: "ignore",
      detached: true,
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // it ended at this very moment
      }
    }, limitMs);
    const end = (problem: string | undefined) => {
      clearTimeout(timer);
      resolve(problem);
    };
    child.once("error", ({ message }) => end(message));
    child.once("exit", (code, signal) => {
      if (late) end(`ended after ${limitMs / 1000} s`);
      else end(code === 0 ? undefined : `exit ${code ?? signal}`);
    });
  });
