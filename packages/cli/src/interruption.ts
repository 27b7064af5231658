import { constants } from "node:os";
import { plainLine } from "@headrace/domain";

/** Why a command was to end before it was done. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  /** as a shell counts what a signal ended */
  readonly exitCode: number;
  /** a person asked for it, and is told; nobody reads on where the reader has gone */
  readonly told: boolean;
  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGPIPE") {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
    this.told = signal !== "SIGPIPE";
  }
}

/** What ended a command as the line to tell, and its exit code; undefined where nothing interrupted it. */
export const endOfInterrupted = (
  signal: AbortSignal,
  error: Error,
): { line: string | undefined; exitCode: number } | undefined => {
  const { reason } = signal;
  if (!(reason instanceof Interruption)) return undefined;
  // whatever else failed meanwhile is told with it: a container that could not be removed is the person's concern
  const also = isAbort(error, reason) ? "" : `: ${plainLine(error.message)}`;
  return { line: reason.told ? `${reason.message}${also}` : undefined, exitCode: reason.exitCode };
};

/** The interruption itself, however it was passed on. */
const isAbort = (error: Error, reason: Interruption): boolean =>
  error === reason ||
  error.name === "AbortError" ||
  (error.cause instanceof Error && isAbort(error.cause, reason));
