import { rowInForce } from "./price-book.ts";
import type { PriceRow } from "./prices.ts";
import { TOKEN_CLASSES, unitPrice, usdPerMTok } from "./unit-prices.ts";

/** What is wrong with a row; `row` is its place in the table. */
type PriceProblem = { row: number; model: string; problem: string };

const DAY_MS = 86_400_000;
const MOST_CHANGE = 3n;

const dayAfter = (day: string): string =>
  new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);

const FIRST = "0000-01-01";
const LAST = "9999-12-31";

/** Where a row's period does not begin on the day after that of the row before it. */
const periodProblem = (row: PriceRow, before: PriceRow | undefined): string | undefined => {
  const [from, to] = [row.effectiveFrom ?? FIRST, row.effectiveTo ?? LAST];
  if (to < from) return `ends (${to}) before it begins (${from})`;
  if (before === undefined) return undefined;
  const end = before.effectiveTo ?? LAST;
  if (from <= end) return `overlaps the row before it, which is in force until ${end}`;
  if (from > dayAfter(end)) return `leaves a gap: the row before it ends on ${end}`;
  return undefined;
};

/** Classes in an order that no list price has. */
const orderProblem = (row: PriceRow): string | undefined => {
  const [read, input, output] = [
    unitPrice(row, "cacheRead"),
    unitPrice(row, "input"),
    unitPrice(row, "output"),
  ];
  if (read > input) return "a token read from the cache costs more than one of input";
  if (input > output) return "a token of input costs more than one of output";
  return undefined;
};

/** A class that became so much dearer or cheaper that a slip of the pen is likelier. */
const changeProblem = (row: PriceRow, before: PriceRow | undefined): string | undefined => {
  if (before === undefined) return undefined;
  const changed = TOKEN_CLASSES.find((kind) => {
    const [old, now] = [unitPrice(before, kind), unitPrice(row, kind)];
    return now > old * MOST_CHANGE || old > now * MOST_CHANGE;
  });
  if (changed === undefined) return undefined;
  const [old, now] = [usdPerMTok(before, changed), usdPerMTok(row, changed)];
  return `${changed} is ${now}, where ${old} stood before: more than three times as much or as little`;
};

/**
 * Rows that overlap or leave a gap with another of their model, and figures that look wrong and that nobody has
 * marked as `checked`. `listed`: the table that these rows override.
 */
export const checkPrices = (
  rows: readonly PriceRow[],
  listed: readonly PriceRow[] = [],
): PriceProblem[] => {
  const ordered = rows
    .map((row, index) => ({ row, index }))
    .toSorted((a, b) => (a.row.effectiveFrom ?? FIRST).localeCompare(b.row.effectiveFrom ?? FIRST));
  return ordered
    .flatMap(({ row, index }, place) => {
      const before = ordered.slice(0, place).findLast((one) => one.row.model === row.model)?.row;
      const from = new Date(row.effectiveFrom ?? row.effectiveTo ?? LAST);
      const figures = [
        orderProblem(row),
        changeProblem(row, before ?? rowInForce(listed, row.model, from)),
      ];
      return [periodProblem(row, before), ...(row.checked === undefined ? figures : [])]
        .filter((problem) => problem !== undefined)
        .map((problem) => ({ row: index, model: row.model, problem }));
    })
    .toSorted((a, b) => a.row - b.row);
};
