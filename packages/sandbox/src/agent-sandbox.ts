import {
  COMMITTER,
  type ExecResult,
  InfrastructureError,
  ObjectId,
  type Sandbox,
} from "@headrace/domain";
import { z } from "zod";
import type { Channel } from "./channel.ts";
import type { EgressSession } from "./egress/types.ts";
import type { Machine } from "./machine.ts";
import { startSupervisor } from "./supervisor.ts";
import { supervisorTar } from "./supervisor-files.ts";
import type { TarEntry } from "./tar.ts";

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

export type StartOptions = {
  limits: { memoryMb: number };
  /** of its commands: the supervisor and its own programs have none of it, for it could keep them from working */
  env: Readonly<Record<string, string>>;
  /** what its network's clients need, for `/` */
  files?: readonly TarEntry[] | undefined;
  /** serves the sandbox's network, and is closed with it; undefined: it has none */
  session?: EgressSession | undefined;
  signal?: AbortSignal | undefined;
};

/** Starts the supervisor in a created machine; the sandbox owns the machine and the session from then on. */
export const startSandbox = async (
  machine: Machine,
  { limits, env, files, session, signal }: StartOptions,
): Promise<AgentSandbox> => {
  try {
    const tar = await supervisorTar(files);
    const channel = await startSupervisor(machine, { tar, limits, session, signal });
    await giveEnvironment(channel, env);
    return new AgentSandbox(machine, channel, session);
  } catch (error) {
    await session?.[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
    throw error;
  }
};

const giveEnvironment = async (channel: Channel, env: StartOptions["env"]): Promise<void> => {
  if (Object.keys(env).length === 0) return;
  const body = Buffer.from(JSON.stringify(env));
  await channel.request({ op: "environment", args: {}, body, maxBody: 0, timeoutMs: FILE_MS });
};

class AgentSandbox implements Sandbox {
  readonly id: string;
  readonly #container: Machine;
  readonly #channel: Channel;
  readonly #session: EgressSession | undefined;

  constructor(container: Machine, channel: Channel, session: EgressSession | undefined) {
    this.id = container.id;
    this.#container = container;
    this.#channel = channel;
    this.#session = session;
  }

  /** Whether it is known to be gone. */
  get lost(): boolean {
    return this.#channel.loss !== undefined;
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
      args: { parent, author: COMMITTER, restoring: this.#session?.restoring ?? [] },
      maxBody: MAX_PACK_BYTES,
      timeoutMs: GIT_MS,
    });
    return { commit: this.#trust(SnapshotFacts, facts).commit, pack: new Uint8Array(body) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.#session?.[Symbol.asyncDispose]();
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
