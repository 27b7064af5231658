import { setTimeout as sleep } from "node:timers/promises";
import { parseUserId } from "@headrace/domain";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { ApiError } from "./api-error.ts";
import type { Call } from "./call.ts";
import { offered } from "./catalogue.ts";
import { checkPrompt } from "./check-prompt.ts";
import type { ProviderKind } from "./conditions.ts";
import { EventStream } from "./event-stream.ts";
import { body, opening, outputTokens, type StreamEvent, wholeMessage } from "./message.ts";
import { countInput, type PromptCache } from "./prompt-cache.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { Broken, Player, Question, Reply } from "./reply.ts";
import { usageLines } from "./usage-lines.ts";
import { MessagesRequest, Prompt, parseBody, turnOf } from "./wire.ts";

/** A reply that is not there by now is announced with the opening of its stream. */
const EARLY_MS = 500;

/** What answers requests. */
export type Endpoint = {
  player: Player;
  cache: PromptCache;
  limits: RateLimits;
  provider: ProviderKind;
};

const accept = <T extends Prompt>(prompt: T, provider: ProviderKind): T => {
  if (offered(prompt.model, provider) === undefined)
    throw new ApiError(404, `model: ${prompt.model}`);
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

const UNUSABLE_STOPS = ["refusal", "model_context_window_exceeded"];

const isCount = ([field, said]: [string, unknown]): boolean =>
  !field.endsWith("_tokens") || (Number.isSafeInteger(said) && Number(said) >= 0);

const isUsable = ({ stopReason, usage }: Reply): boolean =>
  !UNUSABLE_STOPS.includes(stopReason) &&
  usage !== "none" &&
  Object.entries(usage?.say ?? {}).every(isCount);

/** How many of a stream's events come. */
const eventsBefore = (broken: Broken | undefined, events: readonly StreamEvent[]): number => {
  if (broken === undefined) return events.length;
  const { after } = broken;
  // all but the last at most: with it the reply would be whole
  if (typeof after !== "number") return Math.floor(after.share * events.length);
  return after < 0 ? Math.max(0, events.length + after) : Math.min(after, events.length - 1);
};

/** Ends a stream as the reply says. */
const finish = async (call: Call, stream: EventStream, reply: Reply): Promise<void> => {
  const how = reply.broken?.how;
  if (how instanceof ApiError) throw how;
  if (how === undefined) {
    call.seen.outcome = isUsable(reply) ? "reply" : "unusable";
    stream.end();
    return;
  }
  if (how === "stall") await sleep(2 ** 31 - 1, undefined, { signal: call.signal });
  call.seen.outcome = "cut";
  stream.cut();
};

const streamReply = async (
  call: Call,
  question: Question,
  playing: Promise<Reply>,
  { cache, provider }: Endpoint,
): Promise<void> => {
  const soon = await early(playing);
  await sleep(soon?.firstByteMs ?? 0, undefined, { signal: call.signal });
  const input = cache.bill(question.request);
  const stream = new EventStream(call.outgoing, call.requestId, call.headers);
  const head = opening(question, usageLines(input, provider, soon?.usage));
  try {
    if (provider === "openrouter") await stream.comment("OPENROUTER PROCESSING");
    if (soon === undefined) await stream.send(head);
    const reply = soon ?? (await stream.keepAliveDuring(playing));
    const events = [...head, ...body(reply, usageLines(input, provider, reply.usage))];
    const count = eventsBefore(reply.broken, events);
    if (soon !== undefined) await stream.send(head.slice(0, count));
    await sleep(reply.delayMs ?? 0, undefined, { signal: call.signal });
    await stream.send(events.slice(head.length, count));
    await finish(call, stream, reply);
  } catch (error) {
    // the status line is out: the stream itself must say it
    if (!(error instanceof ApiError)) throw error;
    call.seen.outcome = "error";
    call.seen.problem = error.message;
    await stream.send([{ ...error.body(call.requestId), type: "error" }]);
    stream.end();
  }
};

const wholeReply = async (
  call: Call,
  question: Question,
  playing: Promise<Reply>,
  { cache, provider }: Endpoint,
): Promise<Response> => {
  const reply = await playing;
  const silence = (reply.firstByteMs ?? 0) + (reply.delayMs ?? 0);
  await sleep(silence, undefined, { signal: call.signal });
  if (reply.broken?.how instanceof ApiError) throw reply.broken.how;
  if (reply.broken) {
    call.seen.outcome = "cut";
    call.outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  call.seen.outcome = isUsable(reply) ? "reply" : "unusable";
  const usage = usageLines(cache.bill(question.request), provider, reply.usage);
  return Response.json(wholeMessage(question, reply, usage), { headers: call.headers });
};

/** Asks the player within the rate limits; output that was not needed is given back to them. */
const playWithin = (call: Call, question: Question, endpoint: Endpoint): Promise<Reply> => {
  const { player, cache, limits } = endpoint;
  const { model, max_tokens } = question.request;
  const { uncached, written } = cache.quote(question.request);
  try {
    limits.admit(model, { input: uncached + written, output: max_tokens });
  } finally {
    call.headers = limits.headers(model);
  }
  const playing = player.play(question, call.signal);
  playing.then(
    ({ content }) => limits.giveBack(model, max_tokens - outputTokens(content)),
    // it may fail while the opening of the stream is on its way; whoever awaits it next is told
    () => limits.giveBack(model, max_tokens),
  );
  return playing;
};

/** `POST /v1/messages` */
export const answerMessages = async (
  call: Call,
  text: string,
  endpoint: Endpoint,
): Promise<Response> => {
  const request = accept(parseBody(MessagesRequest, text), endpoint.provider);
  const question = questionOf(request);
  const { user, turn } = question;
  Object.assign(call.seen, { user, turn, model: request.model, body: request });
  const playing = playWithin(call, question, endpoint);
  if (!request.stream) return wholeReply(call, question, playing, endpoint);
  await streamReply(call, question, playing, endpoint);
  return RESPONSE_ALREADY_SENT;
};

/** `POST /v1/messages/count_tokens` */
export const answerCount = (text: string): Response =>
  Response.json({ input_tokens: countInput(accept(parseBody(Prompt, text), "anthropic")) });
