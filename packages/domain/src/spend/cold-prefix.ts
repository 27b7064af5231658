import type { Pico } from "../money.ts";
import type { CallRow } from "../ports/ledger.ts";
import type { PriceBook } from "../ports/price-book.ts";
import type { TokenUsage } from "../usage.ts";

/** How long a provider keeps what was last written or read with its short lifetime. */
const WARM_MS = 5 * 60_000;

/** In the order in which a lost prefix is billed: it is written anew, or not cached at all. */
const COLD = ["cacheWrite5m", "cacheWrite1h", "input"] as const;

const cachedAfter = ({ cacheRead, cacheWrite5m, cacheWrite1h }: TokenUsage): number =>
  cacheRead + cacheWrite5m + cacheWrite1h;

/** The usage as it would have been with `tokens` more of the prompt read from the cache. */
const reading = (usage: TokenUsage, tokens: number): TokenUsage => {
  const read = { ...usage };
  let left = tokens;
  for (const kind of COLD) {
    const moved = Math.min(left, read[kind]);
    read[kind] -= moved;
    read.cacheRead += moved;
    left -= moved;
  }
  return read;
};

/**
 * What a call cost above reading the prefix that the reply before it in its conversation left in the cache. The cache
 * is taken to be warm where that came from the same model and was asked for at most five minutes before: nothing counts
 * as missed that the provider may have forgotten by right.
 */
export const coldExcess = (
  call: CallRow,
  before: CallRow | undefined,
  prices: Pick<PriceBook, "cost">,
): Pico => {
  const { usage, provider, model, state } = call;
  const at = Date.parse(call.at);
  if (usage === undefined || state !== "settled" || before?.usage === undefined) return 0;
  if (before.provider !== provider || before.model !== model) return 0;
  if (at - Date.parse(before.at) > WARM_MS) return 0;
  const missed = cachedAfter(before.usage) - usage.cacheRead;
  if (missed <= 0) return 0;
  // at the prices of the day it was reserved, as its cost was
  const paid = prices.cost(model, usage, new Date(at));
  const warm = prices.cost(model, reading(usage, missed), new Date(at));
  if (paid === undefined || warm === undefined) return 0;
  return Math.min(Math.max(0, paid - warm), call.cost);
};
