import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Puts a question to the person at a terminal: a line that was typed, or undefined where none comes any more. */
export type AskPerson = (prompt: string, signal: AbortSignal) => Promise<string | undefined>;

/** The terminal itself edits the line, so that Ctrl-C stays the signal that it is everywhere else. */
export const personAt =
  (input: Readable, output: Writable): AskPerson =>
  (prompt, signal) =>
    new Promise((resolve) => {
      const lines = createInterface({ input, output, terminal: false });
      const end = (answer: string | undefined): void => {
        signal.removeEventListener("abort", leave);
        resolve(answer);
        // it lets go of the input, which would keep the process from ending
        lines.close();
      };
      const leave = (): void => end(undefined);
      signal.addEventListener("abort", leave, { once: true });
      lines.once("close", leave);
      if (signal.aborted) leave();
      else lines.question(prompt, end);
    });
