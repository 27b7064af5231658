import { SandboxLimitError } from "@headrace/domain";
import { act } from "./act.ts";
import { answerLost } from "./answer.ts";
import { ask } from "./ask.ts";
import { StoppedError } from "./inbox.ts";
import { SandboxLost } from "./lost.ts";
import { REPLACED, restore, UNDONE } from "./restore.ts";
import { type AgentOptions, type AgentRun, Session } from "./session.ts";

/** Sandboxes that may be lost in one claim before the machine is to blame. */
const MAX_LOSSES = 3;

/**
 * Runs one agent's job to its end, or to where this claim can take it. Everything it needs to go on elsewhere is in
 * the step's record before it matters: the reply before it is acted on, each result before the next call. Throws
 * what is not the agent's doing: `InfrastructureError`, `StaleEpochError`, or the reason of an abort.
 */
export const runAgent = async (options: AgentOptions): Promise<AgentRun> => {
  try {
    await using session = new Session(options);
    return await run(session);
  } catch (error) {
    const { signal } = options.inbox;
    if (!signal.aborted) throw error;
    if (signal.reason instanceof StoppedError) {
      return { kind: "stopped", reason: signal.reason.message };
    }
    throw signal.reason;
  }
};

/** A sandbox that is lost is replaced, for it may be the agent that broke it, and only its own call is then wrong. */
const run = async (session: Session): Promise<AgentRun> => {
  const { inbox } = session.options;
  let repeat = true;
  let lost: SandboxLost | undefined;
  for (let losses = 0; ; losses++) {
    await session.openSandbox();
    if (lost !== undefined) await answerLost(session, lost);
    const restoredAt = session.transcript.parts;
    try {
      return await goOn(session, repeat);
    } catch (error) {
      if (inbox.signal.aborted) throw error;
      // what the agent wrote to its disk is its own doing, and another sandbox would fill up as well
      if (error instanceof SandboxLimitError) return session.outgrown(error);
      if (!(error instanceof SandboxLost)) throw error;
      if (losses === MAX_LOSSES) throw error.cause;
      lost = error;
      // broken before anything new was recorded: by what was repeated
      repeat = error.call !== undefined || session.transcript.parts > restoredAt;
    }
  }
};

/** From an empty sandbox to the end. */
const goOn = async (session: Session, repeat: boolean): Promise<AgentRun> => {
  const replaced = await restore(session, { repeat });
  let ended = await act(session);
  if (replaced && ended === undefined) await session.note(repeat ? REPLACED : UNDONE);
  while (ended === undefined) ended = await step(session);
  return ended;
};

const step = async (session: Session): Promise<AgentRun | undefined> =>
  (await ask(session)) ?? (await act(session));
