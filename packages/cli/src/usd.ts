import { fromUsd, type Pico, UserError } from "@headrace/domain";

/** An amount of dollars as a person types it; above zero, at most a million. */
export const parseUsd = (given: string, name: string): Pico => {
  const usd = Number(given.replace(/^\$/, ""));
  if (given.trim() === "" || !Number.isFinite(usd) || usd <= 0 || usd > 1_000_000) {
    throw new UserError(`${name} ${given}: expected dollars above 0`, `For example ${name} 20`);
  }
  return fromUsd(usd);
};
