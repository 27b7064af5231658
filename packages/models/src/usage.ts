import { fromUsd, MAX_USD, type Pico, type TokenUsage, totalTokens } from "@headrace/domain";
import { z } from "zod";
import { UnreadableReply } from "./unreadable-reply.ts";

/**
 * Tokens of one class of one call, as providers tell them. No model takes or makes more than this (the longest windows
 * announced by 2026-11 are 10 million tokens): above it is a slip, such as -1 in 32 bits, and is not counted with.
 */
export const TokenCount = z.number().int().nonnegative().max(10_000_000);
const optional = TokenCount.nullish();

/** Usage of the Messages API: `input_tokens` is the uncached remainder already. */
const MessagesUsage = z.object({
  input_tokens: optional,
  output_tokens: optional,
  cache_read_input_tokens: optional,
  cache_creation_input_tokens: optional,
  cache_creation: z
    .object({ ephemeral_5m_input_tokens: optional, ephemeral_1h_input_tokens: optional })
    .nullish(),
});

/** Usage of chat completions, as gateways before other models pass it on: its details are parts of its totals. */
const ChatUsage = z.object({
  prompt_tokens: TokenCount,
  completion_tokens: TokenCount,
  prompt_tokens_details: z
    .object({ cached_tokens: optional, cache_write_tokens: optional })
    .nullish(),
  completion_tokens_details: z.object({ reasoning_tokens: optional }).nullish(),
});

/** OpenRouter's additions; with a key of one's own (`is_byok`) `cost` is only its fee. */
const Cost = z.object({
  cost: z.number().nonnegative().max(MAX_USD),
  is_byok: z.literal(false).nullish(),
});

/** What is said of a reply's usage, a class at a time. The split of the writes by lifetime may be absent, or older than their total. */
type Line = {
  input?: number;
  read?: number;
  written?: number;
  written5m?: number;
  written1h?: number;
  output?: number;
};

const parse = <T>(schema: z.ZodType<T>, raw: unknown): T => {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new UnreadableReply(`its usage is not one: ${z.prettifyError(parsed.error)}`);
};

const remainder = (what: string, whole: number, part: number): number => {
  if (part <= whole) return whole - part;
  throw new UnreadableReply(`its usage contradicts itself: ${part} of ${whole} ${what}`);
};

const lineOfChat = (raw: unknown): Line => {
  const usage = parse(ChatUsage, raw);
  const read = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const written = usage.prompt_tokens_details?.cache_write_tokens ?? 0;
  const reasoning = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  const text = remainder("completion tokens are reasoning", usage.completion_tokens, reasoning);
  return {
    input: remainder("prompt tokens are cached", usage.prompt_tokens, read + written),
    read,
    written,
    output: text + reasoning,
  };
};

const lineOfMessages = (raw: unknown): Line => {
  const usage = parse(MessagesUsage, raw);
  const said = [
    ["input", usage.input_tokens],
    ["read", usage.cache_read_input_tokens],
    ["written", usage.cache_creation_input_tokens],
    ["written5m", usage.cache_creation?.ephemeral_5m_input_tokens],
    ["written1h", usage.cache_creation?.ephemeral_1h_input_tokens],
    ["output", usage.output_tokens],
  ] as const;
  return Object.fromEntries(said.flatMap(([name, n]) => (n == null ? [] : [[name, n]])));
};

const isChat = (raw: unknown): boolean =>
  typeof raw === "object" && raw !== null && "prompt_tokens" in raw && !("input_tokens" in raw);

/** Output counts up to the last line; of all else the largest figure, for a later line may leave classes at zero. */
const merged = (a: Line, b: Line): Line => {
  const keys = Object.keys({ ...a, ...b }) as (keyof Line)[];
  const larger = keys.map((key) => [key, Math.max(a[key] ?? 0, b[key] ?? 0)] as const);
  return { ...Object.fromEntries(larger), ...(b.output === undefined ? {} : { output: b.output }) };
};

/** Writes that the split does not explain have the five-minute lifetime, the only one that is asked for. */
const toTokenUsage = (line: Line): TokenUsage => {
  const { input = 0, read = 0, written5m = 0, written1h = 0, output = 0 } = line;
  const split = written5m + written1h;
  const unexplained = remainder("written tokens have a lifetime", line.written ?? split, split);
  return {
    input,
    cacheWrite5m: written5m + unexplained,
    cacheWrite1h: written1h,
    cacheRead: read,
    output,
  };
};

/** Reads what a reply's stream says that it used: in disjoint classes, and never less than was said. */
export class UsageMeter {
  #line: Line = {};
  #cost: Pico | undefined;
  #error: UnreadableReply | undefined;

  /** One line of usage, of either shape; absent is no line. */
  add(raw: unknown): void {
    if (raw == null) return;
    try {
      const line = isChat(raw) ? lineOfChat(raw) : lineOfMessages(raw);
      this.#line = merged(this.#line, line);
    } catch (error) {
      if (!(error instanceof UnreadableReply)) throw error;
      this.#error ??= error;
    }
    const told = Cost.safeParse(raw);
    if (told.success) this.#cost = fromUsd(told.data.cost);
  }

  /** What the whole reply used; throws where that was not said, or cannot be: no prompt is without tokens. */
  get total(): TokenUsage {
    if (this.#error !== undefined) throw this.#error;
    const { input, output } = this.#line;
    if (input === undefined || output === undefined)
      throw new UnreadableReply("it does not say what it used");
    const usage = toTokenUsage(this.#line);
    if (totalTokens(usage) === usage.output)
      throw new UnreadableReply("it says that the prompt has no tokens");
    return usage;
  }

  /** A lower bound of what a reply used that broke off, where there is one. */
  get seen(): TokenUsage | undefined {
    if (this.#error !== undefined) return undefined;
    try {
      const usage = toTokenUsage(this.#line);
      return totalTokens(usage) === 0 ? undefined : usage;
    } catch {
      return undefined;
    }
  }

  /** What the provider says that the reply cost, in pico-dollars. */
  get cost(): Pico | undefined {
    return this.#cost;
  }
}
