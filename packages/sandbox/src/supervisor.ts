import { InfrastructureError, PROXY_PORT, SandboxLimitError, UserError } from "@headrace/domain";
import { Channel } from "./channel.ts";
import type { EgressSession } from "./egress/types.ts";
import type { Machine } from "./machine.ts";

const READY_MS = 60_000;

export type SupervisorOptions = {
  /** the supervisor's files, for `/` */
  tar: Uint8Array;
  limits: { memoryMb: number };
  /** who serves the proxy's port in it; undefined: no network, and no such port */
  session: EgressSession | undefined;
  signal?: AbortSignal | undefined;
};

/** Starts a created machine whose command is the supervisor, and answers when it can be asked. */
export const startSupervisor = async (
  machine: Machine,
  { tar, limits, session, signal }: SupervisorOptions,
): Promise<Channel> => {
  await machine.put(tar, "/", signal);
  const stream = await machine.attach();
  let begun = false;
  const channel = new Channel(stream, (detail) =>
    explainLoss(machine, { ...limits, begun }, detail),
  );
  const slow = setTimeout(() => channel.lose("its supervisor did not start"), READY_MS);
  const abort = () => channel.lose("it was given up while it started");
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await machine.start(signal);
    await channel.ready;
    begun = true;
    if (session !== undefined) await channel.openNetwork(session, PROXY_PORT);
    return channel;
  } catch (error) {
    channel.lose("it did not start");
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(slow);
    signal?.removeEventListener("abort", abort);
  }
};

/** The exit code of a shell's command that a signal ended is above this. */
const SIGNALLED = 128;

/**
 * Stops the machine, for a supervisor that cannot be believed is none, and says what is known of its end. One that
 * ends by itself as it starts would do so again: that is told as what it is, not as a loss that a retry may mend.
 */
const explainLoss = async (
  machine: Machine,
  { memoryMb, begun }: { memoryMb: number; begun: boolean },
  detail: string,
): Promise<Error> => {
  let why = detail;
  try {
    const exceeded = await machine.measure();
    if (exceeded !== undefined) {
      const told = `the sandbox was ended: its content ${exceeded.message}`;
      return new SandboxLimitError(exceeded.limit, told);
    }
    const state = await machine.inspect();
    if (state.oomKilled) why = `it ran out of memory (limit ${memoryMb} MB)`;
    else if (!state.running) {
      why = `it ended with exit code ${state.exitCode}; ${detail}`;
      if (!begun && state.exitCode > 0 && state.exitCode < SIGNALLED) return cannotStart(why);
    }
    if (state.running) await machine.kill();
  } catch (error) {
    why = `${detail}; ${(error as Error).message}`;
  }
  return new InfrastructureError(`the sandbox was lost: ${why}`);
};

const cannotStart = (why: string): UserError =>
  new UserError(
    `the supervisor of a sandbox cannot start in its image: ${why}`,
    "see whether the image's own environment (ENV in its Dockerfile: NODE_OPTIONS, LD_PRELOAD) or the sandbox's limits keep Node from starting",
  );
