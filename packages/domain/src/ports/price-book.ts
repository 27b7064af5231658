import type { Pico } from "../money.ts";
import type { TokenUsage } from "../usage.ts";

/** Dated prices. A model it does not know has no price, and a call to it is refused. */
export interface PriceBook {
  /** Cost of the usage at the prices in force at `at`; undefined when the model is not priced. */
  cost(model: string, usage: TokenUsage, at: Date): Pico | undefined;
  /** Worst case of a call: every input token at the dearest input class, every output token used. */
  worstCase(model: string, inputTokens: number, maxOutput: number, at: Date): Pico | undefined;
  /**
   * The usage at the frozen reference prices, which never change: in work units of 1e-9, so 1 WU is what a thousandth
   * of a dollar bought of the model on the day it was added. Undefined for a model without a reference price.
   */
  work(model: string, usage: TokenUsage): number | undefined;
}
