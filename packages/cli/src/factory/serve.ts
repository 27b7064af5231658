import { setTimeout as sleep } from "node:timers/promises";
import { createConsole, listen } from "@headrace/console";
import { PRODUCT, UserError, VERSION } from "@headrace/domain";
import type { DataDir } from "../data-dir.ts";
import { listenAddress } from "./address.ts";
import { openFactory } from "./compose.ts";
import { connect, removeControlFile, writeControlFile } from "./control-file.ts";
import { idleFrom, tokenFrom } from "./settings.ts";

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
  await using factory = await openFactory({ data, env, awake, log });
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
