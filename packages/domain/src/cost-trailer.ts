import { formatUsd } from "./money.ts";
import { type SpentCall, sumByKind, sumSpend } from "./spend/sums.ts";
import { formatWork } from "./work-units.ts";

/**
 * What a landing says of its cost: all that its task has cost, and what of it stands in the landed lines. In work units,
 * too, where every call of it has a price to measure them by.
 */
export const formatCostTrailer = (spent: readonly SpentCall[]): string => {
  const { settled, converted, calls, work, worked } = sumSpend(spent);
  const usd = `${formatUsd(settled)}, ${formatUsd(converted)} of it converted`;
  if (worked < calls || calls === 0) return usd;
  const landed = sumByKind(spent).find(({ as }) => as === "converted")?.work ?? 0;
  return `${usd}; ${formatWork(work)}, ${formatWork(landed)} of it converted`;
};
