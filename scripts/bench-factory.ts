// The example with an instant model against a plain shell script that runs the same docker, git and test commands,
// in turns on this machine: npm run bench:factory. Not a test; it wants a machine that does nothing else.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machine } from "./bench/machine.ts";
import { renderTable } from "./bench/table.ts";
import { measureAgainstShell } from "./bench/versus-shell.ts";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupt.abort(new Error(signal)));

const where = machine();
const folder = await mkdtemp(join(tmpdir(), "headrace-bench-"));
try {
  const rows = await measureAgainstShell(folder, interrupt.signal);
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${where}\n`);
  console.log(renderTable(rows));
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
}
