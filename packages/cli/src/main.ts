import { InfrastructureError, plainJson, plainText, UserError } from "@headrace/domain";
import { personAt } from "./ask-person.ts";
import { type Command, commandOf, withCommands } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";
import { dataDir } from "./data-dir.ts";
import { endOfInterrupted, Interruption } from "./interruption.ts";
import { VERB_ACTIONS } from "./verbs/index.ts";
import { text, type World } from "./world.ts";

/** Runs one command and answers with its exit code; nothing below calls `process.exit`. */
const main = async (world: World, args: string[]): Promise<number> => {
  let command = commandOf(world.env);
  try {
    const { verb, operands, options } = parseCommandLine(args);
    command = dataDir(text(options, "data"), world.env).command;
    return await VERB_ACTIONS[verb](world, operands, options);
  } catch (error) {
    return report(world, error, command);
  }
};

const report = (world: World, error: unknown, command: Command): number => {
  const interrupted = endOfInterrupted(world.interrupt, error as Error);
  if (interrupted !== undefined) {
    if (interrupted.line !== undefined) world.err(`headrace: ${interrupted.line}`);
    return interrupted.exitCode;
  }
  if (error instanceof UserError) {
    world.err(`headrace: ${withCommands(error, command).message}`);
    return 2;
  }
  if (error instanceof InfrastructureError) {
    world.err(`headrace: ${error.message}`);
    return 1;
  }
  world.err(`headrace: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  world.err("  This is a defect of headrace; nothing that was accepted is lost.");
  return 1;
};

const printable = (line: string): string =>
  /^[{[]/.test(line) ? plainJson(line) : plainText(line);

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => interrupt.abort(new Interruption(signal)));
}
// a reader that went away (`| head`, a closed terminal) is no error of ours: as a viewer it has left, no more
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  const left = error.code === "EPIPE" || error.code === "EIO";
  const failure = new InfrastructureError(`cannot write what it prints: ${error.message}`);
  interrupt.abort(left ? new Interruption("SIGPIPE") : failure);
});
process.stderr.on("error", () => undefined);

process.exitCode = await main(
  {
    env: process.env,
    cwd: process.cwd(),
    interrupt: interrupt.signal,
    // the one way out: titles, paths, reasons and errors may hold what a repository or a model wrote
    out: (line) => void process.stdout.write(`${printable(line)}\n`),
    err: (line) => void process.stderr.write(`${printable(line)}\n`),
    terminal: process.stdout.isTTY
      ? {
          write: (text) => void process.stdout.write(text),
          columns: () => process.stdout.columns,
          rows: () => process.stdout.rows,
          ...(process.stdin.isTTY ? { ask: personAt(process.stdin, process.stdout) } : {}),
        }
      : undefined,
  },
  process.argv.slice(2),
);
