// @ts-check
// Draws what a run printed as a terminal in SVG: headrace run ... | node scripts/run-picture.mjs > docs/run.svg

import { text } from "node:stream/consumers";

const COLUMNS = 118;
const LINE = 17;
const CHAR = 7.83;
const PAD = 16;
const TOP = 38;

/** @type {ReadonlyArray<readonly [RegExp, string]>} */
const COLOURS = [
  [/landed|complete|✓|\bmet\b|approve|: pass/, "#9ece6a"],
  [/: fail|attempt \d+ red|sent back|conflict|quarantined/, "#f7768e"],
  [/You can walk away/, "#e0af68"],
  [/ ← |tokens/, "#7aa2f7"],
  [/ · | ! /, "#787c99"],
];

const escaped = (/** @type {string} */ line) =>
  line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const clip = (/** @type {string} */ line) =>
  line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line;

const lines = (await text(process.stdin)).trimEnd().split("\n").map(clip);
const width = Math.round(COLUMNS * CHAR + 2 * PAD);
const height = TOP + lines.length * LINE + PAD;
const rows = lines.map((line, i) => {
  const colour = COLOURS.find(([pattern]) => pattern.test(line))?.[1] ?? "#c0caf5";
  return `<text x="${PAD}" y="${TOP + (i + 1) * LINE - 4}" fill="${colour}" xml:space="preserve">${escaped(line)}</text>`;
});

process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"
  font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="13">
<rect width="${width}" height="${height}" rx="8" fill="#1a1b26"/>
<circle cx="20" cy="18" r="6" fill="#f7768e"/><circle cx="40" cy="18" r="6" fill="#e0af68"/><circle cx="60" cy="18" r="6" fill="#9ece6a"/>
${rows.join("\n")}
</svg>
`);
