// @ts-check
import { existsSync } from "node:fs";

const main = new URL("../examples/demo.mjs", import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error(
    "the demo is not in this version yet; `npm test` shows the line running on real parts",
  );
  process.exitCode = 1;
}
