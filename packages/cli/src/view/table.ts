/** Rows under a head: the first column to the left, figures to the right. */
export const tableLines = (
  head: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
): string[] => {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
};
