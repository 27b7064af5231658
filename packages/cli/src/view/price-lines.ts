import type { PriceRow } from "@headrace/models";
import { TOKEN_CLASSES, usdPerMTok } from "@headrace/models";
import { tableLines } from "./table.ts";

/** A price with who it is of, as `prices` shows it. */
export type ShownPrice = {
  row: PriceRow;
  /** providers that it is known to be of; empty: whoever has the model */
  providers: string[];
  whose: "shipped" | "yours";
  /** what its model costs today */
  inForce: boolean;
};

const HEAD = [
  "model",
  "provider",
  ...["input", "write 5m", "write 1h", "read", "output", "batch"],
  ...["since", "until", "of", "source"],
];

/** The same figures with their units in the names, and USD per million tokens as text. */
export const priceJson = ({ row, providers, whose, inForce }: ShownPrice) => ({
  model: row.model,
  providers,
  usdPerMTok: Object.fromEntries(TOKEN_CLASSES.map((kind) => [kind, usdPerMTok(row, kind)])),
  batchPercent: row.batchPercent ?? null,
  since: row.effectiveFrom ?? null,
  until: row.effectiveTo ?? null,
  inForce,
  of: whose,
  source: row.source ?? null,
  retrievedAt: row.retrievedAt ?? null,
});

const sourceOf = ({ source, retrievedAt }: PriceRow): string | undefined =>
  source === undefined ? undefined : [source, retrievedAt].filter(Boolean).join(", ");

/** A table in USD per million tokens, and under it what its figures were read from. */
export const priceLines = (prices: readonly ShownPrice[]): string[] => {
  const sources = [...new Set(prices.flatMap(({ row }) => sourceOf(row) ?? []))];
  const rows = prices.map(({ row, providers, whose, inForce }) => {
    const source = sourceOf(row);
    return [
      row.model,
      providers.join(", ") || "any",
      ...TOKEN_CLASSES.map((kind) => usdPerMTok(row, kind)),
      row.batchPercent === undefined ? "" : `${row.batchPercent} %`,
      row.effectiveFrom ?? "",
      `${row.effectiveTo ?? ""}${inForce ? "" : " *"}`.trim(),
      whose,
      source === undefined ? "" : `${sources.indexOf(source) + 1}`,
    ];
  });
  return [
    ...tableLines(HEAD, rows),
    "",
    "USD per million tokens; days are of UTC, and a batch costs so much of its row's prices.",
    ...(prices.every(({ inForce }) => inForce)
      ? []
      : ["* not in force today: over, still to come, or outranked by yours"]),
    ...sources.map((source, i) => `${i + 1}: ${source}`),
  ];
};
