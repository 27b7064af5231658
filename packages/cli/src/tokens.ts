import { UserError } from "@headrace/domain";

/** A whole number of tokens as a person types it, with `k` or `m` for thousands and millions. */
export const parseTokens = (given: string, name: string): number => {
  const [, digits, unit = ""] = /^(\d{1,12})([km]?)$/i.exec(given.replaceAll(/[_,]/g, "")) ?? [];
  const tokens = Number(digits) * ({ k: 1000, m: 1_000_000 }[unit.toLowerCase()] ?? 1);
  if (Number.isSafeInteger(tokens) && tokens > 0) return tokens;
  throw new UserError(
    `${name} ${given}: expected a number of tokens above 0`,
    `For example ${name} 20m`,
  );
};
