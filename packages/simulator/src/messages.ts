import { setTimeout as sleep } from "node:timers/promises";
import { parseUserId } from "@headrace/domain";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { ApiError } from "./api-error.ts";
import type { Call } from "./call.ts";
import { SIMULATED_MODELS } from "./catalogue.ts";
import { checkPrompt } from "./check-prompt.ts";
import { EventStream } from "./event-stream.ts";
import { body, opening, wholeMessage } from "./message.ts";
import { countInput, type PromptCache } from "./prompt-cache.ts";
import type { Player, Question, Reply } from "./reply.ts";
import { MessagesRequest, Prompt, parseBody, turnOf } from "./wire.ts";

/** A reply that is not there by now is announced with the opening of its stream. */
const EARLY_MS = 500;

const accept = <T extends Prompt>(prompt: T): T => {
  if (!SIMULATED_MODELS.includes(prompt.model)) throw new ApiError(404, `model: ${prompt.model}`);
  checkPrompt(prompt);
  return prompt;
};

const questionOf = (request: MessagesRequest): Question => {
  const user = request.metadata?.user_id ?? "";
  const userId = parseUserId(user);
  if (userId === undefined)
    throw new ApiError(
      400,
      `metadata.user_id: expected hr1.<run>.<task, plan or end>.<role>.<attempt>.<conversation>, got ${JSON.stringify(user)}`,
    );
  return { request, user, userId, turn: turnOf(request) };
};

/** The reply if it comes at once; a longer wait is for the stream to bridge. */
const early = async (playing: Promise<Reply>): Promise<Reply | undefined> => {
  const timer = new AbortController();
  const wait = sleep(EARLY_MS, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([playing, wait]);
  } finally {
    timer.abort();
  }
};

/** The part of the reply's events that arrives before it is cut. */
const half = <T>(events: readonly T[]): readonly T[] =>
  events.slice(0, Math.ceil(events.length / 2));

const streamReply = async (
  call: Call,
  question: Question,
  playing: Promise<Reply>,
  cache: PromptCache,
): Promise<void> => {
  const soon = await early(playing);
  const input = cache.bill(question.request);
  const stream = new EventStream(call.outgoing, call.requestId);
  try {
    await stream.send(opening(question, input));
    const reply = soon ?? (await stream.keepAliveDuring(playing));
    await sleep(reply.delayMs, undefined, { signal: call.signal });
    const events = body(reply, input);
    await stream.send(reply.cut ? half(events) : events);
    call.seen.outcome = reply.cut ? "cut" : "reply";
    if (reply.cut) stream.cut();
    else stream.end();
  } catch (error) {
    // the status line is out: the stream itself must say it
    if (!(error instanceof ApiError)) throw error;
    call.seen.outcome = "error";
    call.seen.problem = error.message;
    await stream.send([{ ...error.body(call.requestId), type: "error" }]);
    stream.end();
  }
};

/** `POST /v1/messages` */
export const answerMessages = async (
  call: Call,
  text: string,
  { player, cache }: { player: Player; cache: PromptCache },
): Promise<Response> => {
  const request = accept(parseBody(MessagesRequest, text));
  const question = questionOf(request);
  const { seen } = call;
  Object.assign(seen, {
    user: question.user,
    turn: question.turn,
    model: request.model,
    body: request,
  });
  const playing = player.play(question, call.signal);
  // it may fail while the opening of the stream is on its way; whoever awaits it next is told
  playing.catch(() => undefined);
  if (request.stream) {
    await streamReply(call, question, playing, cache);
    return RESPONSE_ALREADY_SENT;
  }
  const reply = await playing;
  await sleep(reply.delayMs, undefined, { signal: call.signal });
  if (reply.cut) {
    seen.outcome = "cut";
    call.outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  return Response.json(wholeMessage(question, reply, cache.bill(request)));
};

/** `POST /v1/messages/count_tokens` */
export const answerCount = (text: string): Response =>
  Response.json({ input_tokens: countInput(accept(parseBody(Prompt, text))) });
