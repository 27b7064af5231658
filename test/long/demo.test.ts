import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ended } from "../support/shell.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo.mjs", import.meta.url));

test("the demo shows research, a red gate mended, landings and acceptance, and runs the tool it built", async () => {
  const { code, out: said } = await ended(spawn(process.execPath, [DEMO]));
  expect(code).toBe(0);
  expect(said).toMatch(/parse +research: /);
  expect(said).toMatch(/stats +gate test: fail/);
  expect(said).toMatch(/stats +landed as/);
  expect(said.match(/ landed as [0-9a-f]{10} on headrace\//g)).toHaveLength(7);
  expect(said).toContain("acceptance: 6 of 6 requirements have evidence");
  expect(said).toContain("$ node bin/csvstat.mjs examples/people.csv\ncolumn  type");
  expect(said).toContain("The model was scripted");
  expect(said).toContain('"review" and "land" work on a demo that is kept');
});
