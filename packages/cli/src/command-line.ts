import { PRODUCT, UserError } from "@headrace/domain";
import { Command, CommanderError } from "commander";
import { COMMON_OPTIONS, VERBS } from "../bin/help.mjs";
import type { VerbName } from "./verbs/index.ts";
import type { Options } from "./world.ts";

export type CommandLine = { verb: VerbName; operands: string[]; options: Options };

/** Reads the command line by the table that help is printed from; every mistake is a `UserError`. */
export const parseCommandLine = (args: string[]): CommandLine => {
  let parsed: CommandLine | undefined;
  const program = quiet(new Command(PRODUCT));
  for (const verb of VERBS) {
    const command = quiet(program.command(`${verb.name} ${verb.operands}`.trim()));
    for (const [flags, text] of [...verb.options, ...COMMON_OPTIONS]) {
      if (!flags.includes("--help")) command.option(flags, text);
    }
    command.action(() => {
      const operands = command.args;
      parsed = { verb: verb.name as VerbName, operands, options: command.opts() };
    });
  }
  // help of a verb there is was answered by the launcher
  const words = args[0] === "help" ? args.slice(1) : args;
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const verb = VERBS.find((v) => v.name === args[0]);
    throw new UserError(
      error.message
        .replace(/^error: /, "")
        .replace(/^unknown command '(.*)'/, 'unknown verb "$1"')
        .replace("\n", " "),
      `See: \`${PRODUCT} ${verb ? `${verb.name} ` : ""}--help\``,
    );
  }
  if (parsed === undefined)
    throw new UserError(`unknown verb ${args[0] ?? ""}`, `See: \`${PRODUCT} --help\``);
  return parsed;
};

/** Errors are thrown and told by our own code; nothing is printed, no process ends. */
const quiet = (command: Command): Command =>
  command
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false)
    .helpCommand(false)
    .allowExcessArguments(false)
    .showSuggestionAfterError(true);
