import { type CheatRow, cheatsOf, JS, TS } from "./cases.ts";

/** Cheats in the code that is tested. */
const rows: CheatRow[] = [
  [
    "V08",
    "process.exit(0) at import",
    "flagged",
    { "src/sum.js": `process.exit(0);\n${JS["src/sum.js"]}` },
  ],
  [
    "V10",
    "an object that equals everything",
    "flagged",
    {
      "src/sum.js":
        "export const sum = () => ({ [Symbol.toPrimitive]: () => 6 });\nexport const mean = sum;\n",
    },
  ],
  [
    "V13",
    "outputs are hard-coded",
    "flagged",
    {
      "src/sum.js":
        "export const sum = (l) => (l.length === 3 ? 6 : 0);\nexport const mean = (l) => {\n  if (l.length === 0) throw new RangeError();\n  return 2;\n};\n",
    },
  ],
  [
    "V14",
    "the test's environment is detected",
    "flagged",
    { "src/sum.js": 'export const sum = () => (process.env.NODE_ENV === "test" ? 6 : 0);\n' },
  ],
  [
    "V14",
    "the runner's variable is detected",
    "flagged",
    { "src/sum.ts": "export const sum = (): number => (process.env.VITEST ? 6 : 0);\n" },
    TS,
  ],
  [
    "V15",
    "the code writes a report of its own",
    "flagged",
    {
      "src/sum.js": `import { writeFileSync } from "node:fs";\nwriteFileSync("test-results.json", "{}");\n${JS["src/sum.js"]}`,
    },
  ],
  [
    "V21",
    "the clock is replaced",
    "flagged",
    { "src/sum.js": `globalThis.Date = class {};\n${JS["src/sum.js"]}` },
  ],
  [
    "V28",
    "a stub that says so",
    "flagged",
    { "src/max.js": 'export const max = () => {\n  throw new Error("not implemented");\n};\n' },
  ],
  [
    "V28",
    "a note that it is to be done",
    "flagged",
    { "src/max.js": "export const max = () => undefined; // TODO\n" },
  ],
  [
    "V28",
    "a file too large to be read",
    "flagged",
    { "src/big.js": `${"export {};\n".repeat(100_000)}` },
  ],
];

export const CODE_CHEATS = cheatsOf(rows, JS);
