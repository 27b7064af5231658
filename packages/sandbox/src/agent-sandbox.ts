import {
  COMMITTER,
  type ExecResult,
  InfrastructureError,
  ObjectId,
  type Sandbox,
} from "@headrace/domain";
import { z } from "zod";
import { Channel } from "./channel.ts";
import type { Machine } from "./machine.ts";
import { supervisorTar } from "./supervisor-files.ts";

const READY_MS = 60_000;
/** What killing a command and its answer's way back may take beyond the command's own timeout. */
const GRACE_MS = 10_000;
const FILE_MS = 60_000;
const GIT_MS = 300_000;
const MAX_PACK_BYTES = 256 * 1024 * 1024;
/** Room for the line that says how much was left out. */
const MARK_BYTES = 100;

const ExecFacts = z.object({
  exitCode: z.int().nullable(),
  timedOut: z.boolean(),
  oomKilled: z.boolean(),
  outputBytes: z.int().nonnegative(),
  truncated: z.boolean(),
});
const ReadFacts = z.object({ found: z.boolean(), size: z.int().nonnegative() });
const SnapshotFacts = z.object({ commit: ObjectId });

/** Starts the supervisor in a created container; the sandbox owns the container from then on. */
export const startSandbox = async (
  container: Machine,
  limits: { memoryMb: number },
  signal?: AbortSignal,
): Promise<Sandbox> => {
  await container.put(await supervisorTar(), "/", signal);
  const stream = await container.attach();
  const channel = new Channel(stream, (detail) => explainLoss(container, limits, detail));
  const slow = setTimeout(() => channel.lose("its supervisor did not start"), READY_MS);
  const abort = () => channel.lose("it was given up while it started");
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await container.start(signal);
    await channel.ready;
    return new AgentSandbox(container, channel);
  } catch (error) {
    channel.lose("it did not start");
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(slow);
    signal?.removeEventListener("abort", abort);
  }
};

/** Stops the container, for a supervisor that cannot be believed is none, and says what is known of its end. */
const explainLoss = async (
  container: Machine,
  { memoryMb }: { memoryMb: number },
  detail: string,
): Promise<InfrastructureError> => {
  let why = detail;
  try {
    const state = await container.inspect();
    if (state.oomKilled) why = `it ran out of memory (limit ${memoryMb} MB)`;
    else if (!state.running) why = `it ended with exit code ${state.exitCode}; ${detail}`;
    if (state.running) await container.kill();
  } catch (error) {
    why = `${detail}; ${(error as Error).message}`;
  }
  return new InfrastructureError(`the sandbox was lost: ${why}`);
};

class AgentSandbox implements Sandbox {
  readonly id: string;
  readonly #container: Machine;
  readonly #channel: Channel;

  constructor(container: Machine, channel: Channel) {
    this.id = container.id;
    this.#container = container;
    this.#channel = channel;
  }

  async checkout(pack: Uint8Array, commit: string): Promise<void> {
    const args = { commit, author: COMMITTER };
    await this.#ask({ op: "checkout", args, body: pack, maxBody: 0, timeoutMs: GIT_MS });
  }

  async exec(
    command: string,
    options: { timeoutMs: number; maxOutputBytes: number; signal?: AbortSignal },
  ): Promise<ExecResult> {
    const { timeoutMs, maxOutputBytes, signal } = options;
    const started = performance.now();
    const { facts, body } = await this.#ask({
      op: "exec",
      args: { timeoutMs, maxOutputBytes },
      body: Buffer.from(command),
      maxBody: maxOutputBytes + MARK_BYTES,
      timeoutMs: timeoutMs + GRACE_MS,
      signal,
    });
    const answer = this.#trust(ExecFacts, facts);
    return {
      ...answer,
      output: body.toString("utf8"),
      durationMs: Math.round(performance.now() - started),
    };
  }

  async read(path: string, maxBytes: number) {
    const request = { op: "read", args: { path, maxBytes }, maxBody: maxBytes, timeoutMs: FILE_MS };
    const { facts, body } = await this.#ask(request);
    const { found, size } = this.#trust(ReadFacts, facts);
    return found ? { bytes: new Uint8Array(body), size } : undefined;
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#ask({ op: "write", args: { path }, body: bytes, maxBody: 0, timeoutMs: FILE_MS });
  }

  async snapshot(parent: string): Promise<{ pack: Uint8Array; commit: string }> {
    const { facts, body } = await this.#ask({
      op: "snapshot",
      args: { parent, author: COMMITTER },
      maxBody: MAX_PACK_BYTES,
      timeoutMs: GIT_MS,
    });
    return { commit: this.#trust(SnapshotFacts, facts).commit, pack: new Uint8Array(body) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.#container[Symbol.asyncDispose]();
  }

  #ask(request: Parameters<Channel["request"]>[0]) {
    return this.#channel.request(request);
  }

  #trust<T>(schema: z.ZodType<T>, facts: unknown): T {
    const parsed = schema.safeParse(facts);
    if (parsed.success) return parsed.data;
    this.#channel.lose("its supervisor gave an answer of the wrong shape");
    throw new InfrastructureError("the sandbox was lost: its answer was of the wrong shape", {
      cause: parsed.error,
    });
  }
}
