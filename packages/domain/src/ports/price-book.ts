import type { Nano } from "../money.ts";
import type { TokenUsage } from "../usage.ts";

/** Dated prices. A model it does not know has no price, and a call to it is refused. */
export interface PriceBook {
  /** Cost of the usage at the prices in force at `at`; undefined when the model is not priced. */
  cost(model: string, usage: TokenUsage, at: Date): Nano | undefined;
  /** Worst case of a call: every input token at the dearest input class, every output token used. */
  worstCase(model: string, inputTokens: number, maxOutput: number, at: Date): Nano | undefined;
}
