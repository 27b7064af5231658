import type { AskPerson } from "./ask-person.ts";

/** What a verb may know of its process; verbs touch no global. */
export type World = {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** aborted by Ctrl-C and the other signals that ask a process to end */
  interrupt: AbortSignal;
  out(line: string): void;
  err(line: string): void;
  /** present when stdout is a terminal that can be redrawn */
  terminal:
    | {
        write(text: string): void;
        columns(): number;
        rows(): number;
        /** present when what is typed there can be read as well */
        ask?: AskPerson;
      }
    | undefined;
};

export type Options = Record<string, string | boolean | undefined>;

/** One verb: answers with its exit code, throws `UserError` for bad input. */
export type VerbAction = (world: World, operands: string[], options: Options) => Promise<number>;

export const text = (options: Options, name: string): string | undefined => {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
};

export const flag = (options: Options, name: string): boolean => options[name] === true;
