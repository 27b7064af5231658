const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n);

/**
 * A whole amount in whole parts that are as their weights are, and add up to it. What rounding leaves goes to those that
 * lost most by it, of equals to the first. Without any weight all of it is the first part.
 */
export const splitExactly = (amount: number, weights: readonly number[]): number[] => {
  const total = sum(weights.map(BigInt));
  if (total === 0n) return weights.map((_, at) => (at === 0 ? amount : 0));
  const shares = weights.map((weight, at) => {
    const product = BigInt(amount) * BigInt(weight);
    return { at, part: product / total, rest: product % total };
  });
  const over = Number(BigInt(amount) - sum(shares.map(({ part }) => part)));
  const byRest = shares.toSorted((a, b) =>
    a.rest === b.rest ? a.at - b.at : a.rest > b.rest ? -1 : 1,
  );
  const raised = new Set(byRest.slice(0, over).map(({ at }) => at));
  return shares.map(({ at, part }) => Number(part) + (raised.has(at) ? 1 : 0));
};
