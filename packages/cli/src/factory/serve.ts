import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createConsole, listen } from "@headrace/console";
import { PRODUCT, UserError, VERSION } from "@headrace/domain";
import type { DataDir } from "../data-dir.ts";
import { listenAddress } from "./address.ts";
import { openFactory } from "./compose.ts";
import { connect, MIN_TOKEN, removeControlFile, writeControlFile } from "./control-file.ts";

export type ServeOptions = {
  data: DataDir;
  env: NodeJS.ProcessEnv;
  /** `ADDRESS:PORT`; loopback and a free port when absent */
  listen?: string | undefined;
  exitWhenIdle: boolean;
  awake: boolean;
  signal: AbortSignal;
  log(line: string): void;
};

const SLOTS = 4;
const IDLE_MS = 5 * 60_000;
const LOOK_MS = 5_000;

/** Runs the factory in this process until the signal aborts, or it has had nothing to do for a while. */
export const serve = async ({
  data,
  env,
  exitWhenIdle,
  awake,
  signal,
  log,
  ...options
}: ServeOptions): Promise<void> => {
  const other = await connect(data);
  if (other)
    throw new UserError(
      `a factory (pid ${other.file.pid}) serves ${data.root} already`,
      `Stop it first: \`${PRODUCT} stop\``,
    );
  const { host, port } = listenAddress(options.listen);
  const token = tokenFrom(env);
  await using factory = await openFactory({ data, env, slots: slotsFrom(env), awake, log });
  const app = createConsole({
    control: factory.control,
    token,
    version: VERSION,
    boot: factory.boot,
    onError: (error, id) => log(`request ${id}: ${error.stack ?? error.message}`),
  });
  const server = await listen(app, { host, port });
  try {
    await writeControlFile(data, { url: server.url, token, pid: process.pid, boot: factory.boot });
    log(`serving ${data.root} at ${server.url} (pid ${process.pid})`);
    await untilDone(factory, { exitWhenIdle, signal, idleMs: idleFrom(env) });
    log("stopping: work in progress is parked and resumes with the next factory");
  } finally {
    await removeControlFile(data, factory.boot);
    await server.close();
  }
};

const untilDone = async (
  factory: { idle(): Promise<boolean> },
  { exitWhenIdle, signal, idleMs }: { exitWhenIdle: boolean; signal: AbortSignal; idleMs: number },
): Promise<void> => {
  let idleSince: number | undefined;
  while (!signal.aborted) {
    await sleep(Math.min(LOOK_MS, idleMs), undefined, { signal }).catch(() => undefined);
    if (!exitWhenIdle) continue;
    if (!(await factory.idle())) idleSince = undefined;
    else idleSince ??= Date.now();
    if (idleSince !== undefined && Date.now() - idleSince >= idleMs) return;
  }
};

const positive = (text: string | undefined, name: string, fallback: number): number => {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`${name}=${text}: expected a whole number above 0`);
  return value;
};

/** Clients take a shorter one in control.json for a damaged file. */
const tokenFrom = ({ HEADRACE_TOKEN: given }: NodeJS.ProcessEnv): string => {
  if (given !== undefined && given.length < MIN_TOKEN)
    throw new UserError(
      `HEADRACE_TOKEN has ${given.length} characters, at least ${MIN_TOKEN} are needed`,
      "Make one: openssl rand -hex 32",
    );
  return given ?? randomBytes(32).toString("hex");
};

const slotsFrom = (env: NodeJS.ProcessEnv): number =>
  positive(env.HEADRACE_SLOTS, "HEADRACE_SLOTS", SLOTS);
const idleFrom = (env: NodeJS.ProcessEnv): number =>
  positive(env.HEADRACE_IDLE_MS, "HEADRACE_IDLE_MS", IDLE_MS);
