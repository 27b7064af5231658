/** Rows under a head: the first columns, which are `texts`, to the left, figures to the right. */
export const tableLines = (
  head: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  texts = 1,
): string[] => {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const fitted = (cell: string, at: number): string =>
    at < texts ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return all.map((row) => row.map(fitted).join("  ").trimEnd());
};
