import Anthropic, { APIError } from "@anthropic-ai/sdk";
import {
  type ModelClient,
  ModelFailure,
  type ModelReply,
  type ModelRequest,
  ReplyBlock,
  UserError,
} from "@headrace/domain";
import { z } from "zod";
import { Deadline, MODEL_TIMEOUTS, type ModelTimeouts } from "./deadline.ts";
import { toModelFailure } from "./to-model-failure.ts";
import { toTokenUsage, WireUsage } from "./usage.ts";
import { wellFormedBlock } from "./well-formed.ts";

/** Bound of a call that costs nothing: counting tokens, listing models. */
const FREE_CALL_MS = 60_000;
const MODELS_PER_PAGE = 1000;

export type ModelClientOptions = {
  /** what `ANTHROPIC_BASE_URL` says; the part of the address before `/v1/messages` */
  baseUrl?: string;
  apiKey: string;
  timeouts?: ModelTimeouts;
};

const WireMessage = z.object({
  id: z.string(),
  model: z.string(),
  stop_reason: z.string().nullable(),
  content: z.array(ReplyBlock),
  usage: WireUsage,
});

/** A reply that cannot be read or priced must not look free: the provider has billed it. */
const toReply = (message: unknown): ModelReply => {
  const parsed = WireMessage.safeParse(message);
  if (!parsed.success)
    throw new ModelFailure(
      `the provider's reply is not one of the Messages API: ${z.prettifyError(parsed.error)}`,
      { class: "server", started: true },
    );
  const { id, model, stop_reason, usage } = parsed.data;
  // models end in an empty text at times, and the API refuses to be sent one back
  const content = parsed.data.content
    .filter((block) => !(block.type === "text" && block.text === ""))
    .map(wellFormedBlock);
  return {
    id: id.toWellFormed(),
    model: model.toWellFormed(),
    stopReason: stop_reason?.toWellFormed() ?? null,
    content,
    usage: toTokenUsage(usage),
  };
};

/** The prompt of a request as the SDK types it: a `ModelRequest` is already in the wire's shape. */
const promptOf = ({ model, system, tools, messages }: ModelRequest) =>
  ({
    model,
    messages,
    ...(system.length === 0 ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools }),
  }) as unknown as Anthropic.MessageCountTokensParams;

/**
 * The endpoint does not count tokens, as some gateways do not; a missing model is a `not_found_error`. A token
 * is at least one byte of text, so the prompt's bytes are then a safe bound.
 */
const isUncounted = (error: unknown): boolean =>
  error instanceof APIError && [404, 405, 501].includes(error.status ?? 0) && error.type === null;

/** Makes a call that costs nothing, within `FREE_CALL_MS`. */
const freeCall = async <T>(
  baseURL: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const bound = AbortSignal.timeout(FREE_CALL_MS);
  try {
    return await work(signal === undefined ? bound : AbortSignal.any([bound, signal]));
  } catch (error) {
    const late = bound.aborted ? { hungUp: `no answer within ${FREE_CALL_MS} ms` } : {};
    throw toModelFailure(error, baseURL, { started: false, ...late });
  }
};

/**
 * One endpoint of the Messages API, without retries. Key and address come only from the options; of the
 * environment only the SDK's `ANTHROPIC_CUSTOM_HEADERS` acts. Throws `UserError` without a key; its methods
 * throw `ModelFailure`.
 */
export const createModelClient = (options: ModelClientOptions): ModelClient => {
  const { apiKey, timeouts = MODEL_TIMEOUTS } = options;
  const baseURL = options.baseUrl ?? "https://api.anthropic.com";
  if (apiKey.trim() === "")
    throw new UserError(
      "no API key for the model provider",
      "Set ANTHROPIC_API_KEY, or see the factory work without one: --model script:FILE.",
    );
  const sdk = new Anthropic({
    apiKey,
    baseURL,
    maxRetries: 0,
    timeout: timeouts.totalMs,
    logLevel: "off",
    openTelemetry: false,
  });
  return {
    complete: async (request, signal) => {
      using deadline = new Deadline(timeouts, signal);
      try {
        const message = await sdk
          .withOptions({ fetch: deadline.fetch })
          .messages.stream(
            {
              ...promptOf(request),
              max_tokens: request.maxTokens,
              metadata: { user_id: request.userId },
            },
            { signal: deadline.signal },
          )
          .finalMessage();
        return toReply(message);
      } catch (error) {
        throw toModelFailure(error, baseURL, deadline.facts);
      }
    },
    countTokens: (request, signal) =>
      freeCall(baseURL, signal, async (bounded) => {
        const prompt = promptOf(request);
        try {
          const count = await sdk.messages.countTokens(prompt, { signal: bounded });
          return z.number().int().nonnegative().parse(count.input_tokens);
        } catch (error) {
          if (isUncounted(error)) return Buffer.byteLength(JSON.stringify(prompt));
          throw error;
        }
      }),
    listModels: (signal) =>
      freeCall(baseURL, signal, async (bounded) => {
        const ids: string[] = [];
        const pages = sdk.models.list({ limit: MODELS_PER_PAGE }, { signal: bounded });
        for await (const model of pages) ids.push(z.string().parse(model.id));
        return ids;
      }),
  };
};
