import type { ProviderKind, UsageTold } from "./conditions.ts";
import type { InputUsage } from "./prompt-cache.ts";

type Line = Record<string, unknown>;

/** What a reply says that it used: at the beginning of a stream and at its end, or once for a whole message. */
export type UsageLines = {
  first: Line;
  last(output: number): Line[];
  whole(output: number): Line;
};

/** Dollars a million tokens: of OpenRouter's `cost` only, and the same for every model. */
const RATES = { uncached: 3, written: 3.75, read: 0.3, output: 15 };

const costOf = ({ uncached, written, read }: InputUsage, output: number): number => {
  const { uncached: input, written: write, read: hit, output: out } = RATES;
  return Number(
    ((uncached * input + written * write + read * hit + output * out) / 1e6).toFixed(9),
  );
};

const inputOf = ({ read, written, uncached }: InputUsage): Line => ({
  input_tokens: uncached,
  cache_creation_input_tokens: written,
  cache_read_input_tokens: read,
});

const splitOf = ({ written }: InputUsage): Line => ({
  cache_creation: { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
});

type Shape = {
  first(input: InputUsage): Line;
  last(input: InputUsage, output: number): Line;
  whole(input: InputUsage, output: number): Line;
};

const anthropic: Shape = {
  first: (input) => anthropic.whole(input, 1),
  last: (input, output) => ({ ...inputOf(input), output_tokens: output }),
  whole: (input, output) => ({
    ...inputOf(input),
    ...splitOf(input),
    output_tokens: output,
    service_tier: "standard",
  }),
};

/** Nothing is known before the upstream has answered. */
const unknown: Line = { input_tokens: 0, output_tokens: 0 };

const openrouter: Shape = {
  first: () => unknown,
  last: (input, output) => ({
    ...inputOf(input),
    output_tokens: output,
    output_tokens_details: null,
    server_tool_use: null,
    cost: costOf(input, output),
    is_byok: false,
  }),
  whole: (input, output) => openrouter.last(input, output),
};

const chat: Shape = {
  first: () => unknown,
  last: ({ read, written, uncached }, output) => ({
    prompt_tokens: read + written + uncached,
    completion_tokens: output,
    total_tokens: read + written + uncached + output,
    prompt_tokens_details: { cached_tokens: read, cache_write_tokens: written },
    completion_tokens_details: { reasoning_tokens: 0 },
    cost: costOf({ read, written, uncached }, output),
    is_byok: false,
  }),
  whole: (input, output) => chat.last(input, output),
};

const SHAPES = { anthropic, openrouter, chat };

/** What is said of `input` and of an output still to come, as the provider or the script has it told. */
export const usageLines = (
  input: InputUsage,
  provider: ProviderKind,
  told: UsageTold | undefined,
): UsageLines => {
  if (told === "none") return { first: {}, last: () => [{}], whole: () => ({}) };
  const shape = SHAPES[told?.shape ?? provider];
  const lines = told?.lines ?? 1;
  const say = (line: Line): Line => ({ ...line, ...told?.say });
  return {
    first: say(shape.first(input)),
    last: (output) =>
      Array.from({ length: lines }, (_, i) =>
        say(shape.last(input, Math.ceil((output * (i + 1)) / lines))),
      ),
    whole: (output) => say(shape.whole(input, output)),
  };
};
