import { formatUserId, type ModelRequest, SandboxLimitError, totalTokens } from "@headrace/domain";
import { act } from "./act.ts";
import { answerLost } from "./answer.ts";
import { StoppedError } from "./inbox.ts";
import { progressOf, usedUp, warnings } from "./limits.ts";
import { SandboxLost } from "./lost.ts";
import { REPLACED, restore, UNDONE } from "./restore.ts";
import { type AgentOptions, type AgentRun, Session } from "./session.ts";
import type { Turn } from "./transcript.ts";

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

/** One call to the model, if the limits allow another; its reply is the transcript's next turn. */
const ask = async (session: Session): Promise<AgentRun | undefined> => {
  const { claim, definition, inbox, ask: askModel } = session.options;
  inbox.signal.throwIfAborted();
  const progress = progressOf(session.transcript.turns, session.toolbox, definition.limits);
  const limit = usedUp(progress, definition.limits, session.elapsedMs);
  if (limit !== undefined) return session.ended({ end: "limit", ...limit });
  for (const text of warnings(progress, definition.limits)) await session.noteOnce(text);
  for (const note of inbox.take()) await session.tell(note);
  const turn = progress.turns + 1;
  const answer = await askModel({
    fence: claim.fence,
    role: definition.role,
    request: requestOf(session),
    turn,
    ...billedSoFar(session.transcript.last),
    signal: inbox.callSignal,
  });
  if (answer.kind === "invalid" && progress.turns > 0) {
    return session.ended({ end: "limit", limit: "request", detail: answer.reason });
  }
  if (answer.kind !== "reply") return answer;
  session.transcript.add({ kind: "reply", turn, reply: answer.reply });
  return undefined;
};

/** A conversation only grows: what the last request said is the beginning of the next. */
const billedSoFar = (last: Turn | undefined) => {
  if (last === undefined) return {};
  const { usage } = last.reply;
  return { billed: { tokens: totalTokens(usage) - usage.output, messages: 2 * last.n - 1 } };
};

/** Tools, system and first message are the same bytes in every turn of a role's job; the rest only grows. */
const requestOf = (session: Session): ModelRequest => {
  const { claim, definition } = session.options;
  const { role, attempt, conversation } = claim.input;
  const model = claim.routes[role];
  if (model === undefined) throw new Error(`run ${claim.fence.run} has no route for the ${role}`);
  return {
    model,
    maxTokens: definition.limits.replyTokens,
    ...session.instructions,
    messages: session.transcript.messages(session.job.opening),
    userId: formatUserId({
      run: claim.fence.run,
      subject: claim.subject,
      role,
      attempt,
      conversation,
    }),
  };
};
