import { setImmediate } from "node:timers/promises";
import { withinTime } from "../within-time.ts";
import type { ChangedFile } from "./change.ts";

type Texts = Pick<ChangedFile, "path" | "before" | "after">;

/**
 * Does a piece of synchronous work on what a change made of a file, or of several where only a path is named. Rejects with
 * `TooSlowError` once time is up.
 */
export type Pace = <T>(about: Texts | { path: string }, work: () => T) => Promise<T>;

export class TooSlowError extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`looking at ${path} takes too long`);
    this.path = path;
  }
}

/** Nothing makes so little text slow, and what ends work in the middle costs milliseconds. */
const SMALL = 50_000;

/**
 * All pieces together take at most `totalMs`, a single one at most `pieceMs`, and between two of them others have their
 * turn: the text is a coder's, who may have made it to be slow.
 */
export const paceOf = ({ totalMs, pieceMs }: { totalMs: number; pieceMs: number }): Pace => {
  let left = totalMs;
  return async (about, work) => {
    await setImmediate();
    if (left <= 0) throw new TooSlowError(about.path);
    const start = performance.now();
    const isSmall =
      "after" in about && (about.before?.length ?? 0) + (about.after?.length ?? 0) < SMALL;
    const boundMs = Math.ceil(Math.min(left, pieceMs));
    const done = isSmall ? { value: work() } : withinTime(boundMs, () => ({ value: work() }));
    left -= performance.now() - start;
    if (done === undefined) throw new TooSlowError(about.path);
    return done.value;
  };
};
