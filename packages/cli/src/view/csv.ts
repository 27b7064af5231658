export type Cell = string | number | boolean | undefined;

/** Text that begins like this is run by spreadsheets as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

const cellOf = (value: Cell): string => {
  if (typeof value !== "string") return value === undefined ? "" : String(value);
  // models and providers name themselves: what they say is text, whatever opens the file
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** A header and rows by RFC 4180, each without its line feed; texts that would be formulas are marked as text. */
export const csvLines = <K extends string>(
  columns: readonly K[],
  rows: ReadonlyArray<Partial<Record<K, Cell>>>,
): string[] => [
  `${columns.join(",")}\r`,
  ...rows.map((row) => `${columns.map((column) => cellOf(row[column])).join(",")}\r`),
];
