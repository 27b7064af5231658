import Anthropic, { APIError } from "@anthropic-ai/sdk";
import {
  type Answer,
  type ModelClient,
  type ModelFailure,
  type ModelReply,
  type ModelRequest,
  type RateFacts,
  ReplyBlock,
  type TokenUsage,
  UserError,
} from "@headrace/domain";
import { z } from "zod";
import { Deadline, MODEL_TIMEOUTS, type ModelTimeouts } from "./deadline.ts";
import { rateFacts } from "./rate-facts.ts";
import { toModelFailure } from "./to-model-failure.ts";
import { UnreadableReply } from "./unreadable-reply.ts";
import { TokenCount, UsageMeter } from "./usage.ts";
import { wellFormedBlock } from "./well-formed.ts";

/** Bound of a call that costs nothing: counting tokens, listing models. */
const FREE_CALL_MS = 60_000;
const MODELS_PER_PAGE = 1000;

export type ModelClientOptions = {
  /** the part of the address before `/v1/messages`; Anthropic's own unless given */
  baseUrl?: string;
  /** may be absent where `baseUrl` is given: a local server may need none */
  apiKey?: string;
  /** how the key is sent; `x-api-key` unless given */
  auth?: "x-api-key" | "bearer";
  timeouts?: ModelTimeouts;
  /** the time by which a provider's waits are reckoned; the system's unless given */
  now?: () => Date;
};

const WireMessage = z.object({
  id: z.string(),
  model: z.string(),
  stop_reason: z.string().nullable(),
  content: z.array(ReplyBlock),
});

const toReply = (message: unknown, usage: TokenUsage): ModelReply => {
  const parsed = WireMessage.safeParse(message);
  if (!parsed.success)
    throw new UnreadableReply(
      `it is not one of the Messages API: ${z.prettifyError(parsed.error)}`,
    );
  const { id, model, stop_reason } = parsed.data;
  // models end in an empty text at times, and the API refuses to be sent one back
  const content = parsed.data.content
    .filter((block) => !(block.type === "text" && block.text === ""))
    .map(wellFormedBlock);
  return {
    id: id.toWellFormed(),
    model: model.toWellFormed(),
    stopReason: stop_reason?.toWellFormed() ?? null,
    content,
    usage,
  };
};

/** The prompt of a request as the SDK types it: a `ModelRequest` is already in the wire's shape. */
const promptOf = ({ model, effort, system, tools, messages }: ModelRequest) =>
  ({
    model,
    messages,
    ...(effort === undefined ? {} : { output_config: { effort } }),
    ...(system.length === 0 ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools }),
  }) as unknown as Anthropic.MessageCountTokensParams;

/**
 * The endpoint does not count tokens, as some gateways do not; for a model that it does not have it names the model. A
 * token is at least one byte of text, so the prompt's bytes are then a safe bound.
 */
const isUncounted = (error: unknown, model: string): boolean =>
  error instanceof APIError && error.status === 404 && !(error.apiMessage ?? "").includes(model);

const createSdk = ({ baseUrl, apiKey, auth, timeouts }: ModelClientOptions): Anthropic => {
  if (apiKey === undefined ? baseUrl === undefined : apiKey.trim() === "")
    throw new UserError(
      "no API key for the model provider",
      "Set ANTHROPIC_API_KEY, or see the factory work without one: --model script:FILE.",
    );
  return new Anthropic({
    // without one the SDK would look for credentials in the environment and in files
    apiKey: apiKey ?? "none",
    baseURL: baseUrl ?? "https://api.anthropic.com",
    // the SDK itself sends every key as a bearer token
    defaultHeaders: {
      ...(auth === "bearer" && apiKey !== undefined ? {} : { authorization: null }),
      ...(auth === "bearer" || apiKey === undefined ? {} : { "x-api-key": apiKey }),
    },
    maxRetries: 0,
    timeout: (timeouts ?? MODEL_TIMEOUTS).totalMs,
    logLevel: "off",
    openTelemetry: false,
  });
};

/** One streamed call. */
class Call implements Disposable {
  readonly #deadline: Deadline;
  readonly #meter = new UsageMeter();
  readonly #now: () => Date;
  /** a long stream may end minutes after its headers were true */
  #answeredAt: Date | undefined;
  #begun = false;
  #whole = false;

  constructor(timeouts: ModelTimeouts, now: () => Date, signal: AbortSignal | undefined) {
    this.#deadline = new Deadline(timeouts, signal);
    this.#now = now;
  }

  readonly #fetch: typeof fetch = async (input, init) => {
    const response = await this.#deadline.fetch(input, init);
    this.#answeredAt = this.#now();
    return response;
  };

  async send(sdk: Anthropic, request: ModelRequest, onFirstByte?: () => void): Promise<Answer> {
    const { signal } = this.#deadline;
    const body = {
      ...promptOf(request),
      max_tokens: request.maxTokens,
      metadata: { user_id: request.userId },
    };
    const stream = sdk.withOptions({ fetch: this.#fetch }).messages.stream(body, { signal });
    stream.on("streamEvent", (event) => {
      if (event.type === "message_delta") this.#meter.add(event.usage);
      if (event.type !== "message_start") return;
      this.#begun = true;
      // not at the first byte itself: gateways send comments before a model has begun
      onFirstByte?.();
      this.#meter.add(event.message.usage);
    });
    const message = await stream.finalMessage();
    const usage = this.#meter.total;
    this.#whole = true;
    const { rate } = this;
    const { cost } = this.#meter;
    return {
      reply: toReply(message, usage),
      ...(rate === undefined ? {} : { rate }),
      ...(cost === undefined ? {} : { reportedCost: cost }),
    };
  }

  get rate(): RateFacts | undefined {
    const { headers } = this.#deadline;
    return headers && rateFacts(headers, this.#answeredAt ?? this.#now());
  }

  failure(error: unknown, baseURL: string): ModelFailure {
    const { facts } = this.#deadline;
    const { rate } = this;
    const { seen } = this.#meter;
    const usage = seen && ({ state: this.#whole ? "reported" : "partial", usage: seen } as const);
    const now = this.#answeredAt ?? this.#now();
    // an error in the place of a reply is an error answer, although its status says 200
    const billed = facts.billed && (this.#begun || !(error instanceof APIError && error.type));
    return toModelFailure(error, { ...facts, billed, baseURL, now, rate, seen: usage });
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }
}

/**
 * One endpoint of the Messages API, without retries. Key and address come only from the options; of the
 * environment only the SDK's `ANTHROPIC_CUSTOM_HEADERS` acts. Throws `UserError` without a key; its methods
 * throw `ModelFailure`.
 */
export const createModelClient = (options: ModelClientOptions): ModelClient => {
  const { timeouts = MODEL_TIMEOUTS, now = () => new Date() } = options;
  const sdk = createSdk(options);
  const { baseURL } = sdk;

  /** Makes a call that costs nothing, within `FREE_CALL_MS`. */
  const freeCall = async <T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const bound = AbortSignal.timeout(FREE_CALL_MS);
    try {
      return await work(signal === undefined ? bound : AbortSignal.any([bound, signal]));
    } catch (error) {
      const late = bound.aborted ? { hungUp: `no answer within ${FREE_CALL_MS} ms` } : {};
      throw toModelFailure(error, { baseURL, now: now(), billed: false, ...late });
    }
  };

  return {
    complete: async (request, { signal, onFirstByte } = {}) => {
      using call = new Call(timeouts, now, signal);
      try {
        return await call.send(sdk, request, onFirstByte);
      } catch (error) {
        throw call.failure(error, baseURL);
      }
    },
    countTokens: (request, signal) =>
      freeCall(signal, async (bounded) => {
        const prompt = promptOf(request);
        try {
          const count = await sdk.messages.countTokens(prompt, { signal: bounded });
          return TokenCount.parse(count.input_tokens);
        } catch (error) {
          if (isUncounted(error, request.model)) return Buffer.byteLength(JSON.stringify(prompt));
          throw error;
        }
      }),
    listModels: (signal) =>
      freeCall(signal, async (bounded) => {
        const ids: string[] = [];
        const pages = sdk.models.list({ limit: MODELS_PER_PAGE }, { signal: bounded });
        for await (const model of pages) ids.push(z.string().parse(model.id));
        return ids;
      }),
  };
};
