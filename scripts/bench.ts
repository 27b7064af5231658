// The figures of docs/benchmarks.md, measured on this machine with the real launcher and the example. Not a test:
// it takes some minutes, and wants a machine that does nothing else.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureCommands } from "./bench/commands.ts";
import { measureDemo } from "./bench/demo.ts";
import { measureFactory } from "./bench/factory.ts";
import { machine } from "./bench/machine.ts";
import { renderTable, seconds } from "./bench/table.ts";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupt.abort(new Error(signal)));

const say = (line: string): void => console.error(line);
const folder = await mkdtemp(join(tmpdir(), "headrace-bench-"));
const started = performance.now();
const where = machine();
try {
  say("factories: submits, then one whole run");
  // first, because it warms up what the demo needs: the demo below is a second one in any case
  const factory = await measureFactory(folder, interrupt.signal);
  say("demo");
  const demo = await measureDemo(folder, interrupt.signal);
  say("commands");
  const commands = await measureCommands(demo.data, interrupt.signal);
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${where}\n`);
  console.log(renderTable([...demo.rows, ...commands, ...factory]));
  console.log(
    `\nmeasured in ${seconds(performance.now() - started)}; what is counted: docs/benchmarks.md`,
  );
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
  say("interrupted");
  process.exitCode = 130;
} finally {
  // a demo that was interrupted may be writing its last lines
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
}
