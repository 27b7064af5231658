import type { TokenUsage } from "@headrace/domain";
import { z } from "zod";

const count = z.number().int().nonnegative();
const optionalCount = count.nullish().transform((value) => value ?? 0);

/** The Messages API's usage object: `input_tokens` is already the uncached remainder. */
export const WireUsage = z.object({
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: optionalCount,
  cache_creation_input_tokens: optionalCount,
  cache_creation: z
    .object({
      ephemeral_5m_input_tokens: optionalCount,
      ephemeral_1h_input_tokens: optionalCount,
    })
    .nullish(),
});
export type WireUsage = z.infer<typeof WireUsage>;

/**
 * Disjoint classes. The split of cache writes by lifetime may be absent, or older than the total (a stream
 * repeats only the total at its end): what it does not explain counts as five-minute writes.
 */
export const toTokenUsage = (wire: WireUsage): TokenUsage => {
  const written1h = wire.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  const written5m = wire.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  return {
    input: wire.input_tokens,
    cacheWrite5m: Math.max(written5m, wire.cache_creation_input_tokens - written1h),
    cacheWrite1h: written1h,
    cacheRead: wire.cache_read_input_tokens,
    output: wire.output_tokens,
  };
};
