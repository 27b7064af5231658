import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RunState, Store, StoredEvent } from "@headrace/domain";
import { writePrivate } from "../data-dir.ts";
import { mayBeNews, NOTHING_TOLD, newsOf, type Telling } from "./news.ts";

const COMMAND_MS = 30_000;

/**
 * Runs each run's `--notify` command for what is news of it, one after the other. How far it has told is kept in `dir`,
 * so that an event is told once, and one that a crash came before is told by the next factory.
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
  const read = new Map<string, Read>();
  const tell = (run: string): void => {
    last = last
      .then(() => tellNews(options, run, read))
      .catch((cause) => log(`notify for ${run}: ${String(cause)}`));
  };
  const unsubscribe = store.onCommit((run, events) => {
    if (events.some(mayBeNews)) tell(run);
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

/** How far the events of a run were read, and what the news of the next one depends on. */
type Read = { seq: number; telling: Telling };

const tellNews = async (
  { store, dir, env, commandMs = COMMAND_MS, log }: Options,
  run: string,
  read: Map<string, Read>,
): Promise<void> => {
  const command = (await store.state(run))?.run.notify;
  if (command === undefined) return;
  const marker = join(dir, run);
  const told = Number(await readFile(marker, "utf8").catch(() => "0"));
  // of most runs nothing is left to tell when a factory starts, and their events are not read again
  if (!read.has(run) && !(await hasMore(store, run, told))) return;
  let { seq, telling } = read.get(run) ?? { seq: 0, telling: NOTHING_TOLD };
  for await (const event of eventsAfter(store, run, seq)) {
    const { after, news } = newsOf(telling, event);
    [seq, telling] = [event.seq, after];
    read.set(run, { seq, telling });
    if (news === undefined || seq <= told) continue;
    const about = {
      HEADRACE_RUN: run,
      HEADRACE_STATUS: news.status,
      HEADRACE_MESSAGE: news.message,
    };
    const problem = await runCommand(command, { ...withoutKeys(env), ...about }, commandMs);
    if (problem !== undefined) log(`notify for ${run} (${news.status}): ${problem}`);
    await mkdir(dir, { recursive: true });
    await writePrivate(marker, `${seq}\n`);
  }
};

const hasMore = async (
  store: Pick<Store, "events">,
  run: string,
  told: number,
): Promise<boolean> => {
  for await (const event of eventsAfter(store, run, told)) if (mayBeNews(event)) return true;
  return false;
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
