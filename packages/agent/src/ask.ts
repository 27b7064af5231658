import { type AskResult, candidateKey, formatUserId, totalTokens } from "@headrace/domain";
import {
  askForBrief,
  BRIEF_TOKENS,
  handOff,
  isBriefAsked,
  outOfRoom,
  usedSoFar,
} from "./handoff.ts";
import { progressOf, usedUp, warnings } from "./limits.ts";
import { blocksOf, firstBreak } from "./prefix.ts";
import type { AgentRun, Asked, Session } from "./session.ts";

/** One call to the model, if the limits allow another; its reply is the transcript's next turn. */
export const ask = async (session: Session): Promise<AgentRun | undefined> => {
  const { claim, definition, inbox } = session.options;
  inbox.signal.throwIfAborted();
  const { limits } = definition;
  const { turns } = session.transcript;
  const progress = progressOf(turns, usedSoFar(session), session.toolbox, limits);
  const limit = usedUp(progress, limits, session.elapsedMs);
  if (limit !== undefined) return session.ended({ end: "limit", ...limit });
  for (const text of warnings(progress, limits)) await session.noteOnce(text);
  for (const note of inbox.take()) await session.tell(note);
  const handingOff = await askForBrief(session);
  const request = requestOf(session);
  await checkPrefix(session, request);
  const turn = turns.length + 1;
  const answer = await session.options.ask({
    fence: claim.fence,
    role: definition.role,
    request,
    maxOutput: handingOff ? Math.min(limits.replyTokens, BRIEF_TOKENS) : limits.replyTokens,
    turn,
    ...billedSoFar(session),
    signal: inbox.callSignal,
    work: inbox.signal,
  });
  if (answer.kind !== "reply") return unanswered(session, answer);
  const { reply, candidate, wrapUp } = answer;
  session.candidate = candidate;
  session.waited(answer.waitedMs);
  session.transcript.add({ kind: "reply", turn, reply });
  if (wrapUp !== undefined) inbox.deliver({ kind: "wrap-up", reason: wrapUp });
  return undefined;
};

/**
 * What a missing reply means for the job: what its conversation says is its own, the first prompt too; the rest ends
 * the claim.
 */
const unanswered = async (
  session: Session,
  answer: Exclude<AskResult, { kind: "reply" }>,
): Promise<AgentRun> => {
  if (answer.kind === "context") return outOfRoom(session, answer.reason);
  if (answer.kind !== "invalid") return answer;
  if (isBriefAsked(session.transcript)) return handOff(session);
  return session.ended({ end: "limit", limit: "request", detail: answer.reason });
};

/** A conversation only grows: what the last request said is the beginning of the next. Known within a claim. */
const billedSoFar = ({ transcript: { last }, candidate }: Session) => {
  if (last === undefined || candidate === undefined) return {};
  const { usage } = last.reply;
  const tokens = totalTokens(usage) - usage.output;
  return { billed: { candidate: candidateKey(candidate), tokens, messages: 2 * last.n - 1 } };
};

/** Tools, system and first message are the same bytes in every turn of a role's job; the rest only grows. */
const requestOf = (session: Session): Asked => {
  const { fence, subject, input } = session.options.claim;
  const { role, attempt, conversation } = input;
  return {
    ...session.instructions,
    messages: session.transcript.messages(session.job.opening),
    userId: formatUserId({ run: fence.run, subject, role, attempt, conversation }),
  };
};

/** Says in the run log where a prompt stops being the beginning of the next, which would cost the whole cache. */
const checkPrefix = async (session: Session, request: Asked): Promise<void> => {
  const { api, claim, definition } = session.options;
  const { fence } = claim;
  const blocks = blocksOf(request);
  const block = firstBreak(session.sent, blocks);
  session.sent = blocks;
  if (block === undefined) return;
  const turn = session.transcript.turns.length + 1;
  await api.report(fence, {
    type: "cache.broken",
    step: fence.step,
    role: definition.role,
    turn,
    block,
  });
};
