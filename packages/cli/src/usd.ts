import { fromUsd, MAX_USD, type Pico, UserError } from "@headrace/domain";

/** An amount of dollars as a person types it; above zero, at most what one budget holds. */
export const parseUsd = (given: string, name: string): Pico => {
  const usd = Number(given.replace(/^\$/, ""));
  if (given.trim() === "" || !Number.isFinite(usd) || usd <= 0 || usd > MAX_USD) {
    const problem = `${name} ${given}: expected dollars above 0 and at most ${MAX_USD}`;
    throw new UserError(problem, `For example ${name} 20`);
  }
  return fromUsd(usd);
};
