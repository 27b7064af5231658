/** One measured figure. `samples` above 1 means that the figure is their median; `ratio` is to the table's first row. */
export type Row = { what: string; figure: string; ratio?: number; samples: number; note: string };

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new Error("no sample was taken");
  return (lower + upper) / 2;
};

export const milliseconds = (ms: number): string => `${Math.round(ms)} ms`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The spread of the samples, in the unit of their figure. */
export const range = (values: readonly number[], unit: (value: number) => string): string =>
  `${unit(Math.min(...values))} to ${unit(Math.max(...values))}`;

/** A Markdown table, so that a measurement can be pasted into the docs. */
export const renderTable = (rows: readonly Row[]): string => {
  const compared = rows.some(({ ratio }) => ratio !== undefined);
  const cells = [
    ["what", "figure", ...(compared ? ["ratio"] : []), "samples", "note"],
    ...rows.map(({ what, figure, ratio, samples, note }) => [
      what,
      figure,
      ...(compared ? [ratio === undefined ? "" : ratio.toFixed(2)] : []),
      samples === 1 ? "1" : `median of ${samples}`,
      note,
    ]),
  ];
  const widths = (cells[0] ?? [])
    .map((_, i) => i)
    .map((i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const lines = cells.map(
    (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`,
  );
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return lines.toSpliced(1, 0, rule).join("\n");
};
