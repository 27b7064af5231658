import { expect, test } from "vitest";
import { endOfInterrupted, Interruption } from "./interruption.ts";

const aborted = (by: "SIGINT" | "SIGTERM" | "SIGPIPE") => {
  const reason = new Interruption(by);
  return { reason, signal: AbortSignal.abort(reason) };
};

test("a command that a signal ended says so in one line, however the signal was passed on", () => {
  const { reason, signal } = aborted("SIGTERM");
  const wrapped = new Error("the engine was cut off", { cause: reason });
  for (const error of [
    reason,
    wrapped,
    new DOMException("The operation was aborted", "AbortError"),
  ])
    expect(endOfInterrupted(signal, error)).toEqual({ line: "stopped by SIGTERM", exitCode: 143 });
});

test("what could not be cleared up is told with it", () => {
  const { signal } = aborted("SIGINT");
  const error = new Error("a container is still there\nat engine");
  expect(endOfInterrupted(signal, error)?.line).toBe(
    "stopped by SIGINT: a container is still there at engine",
  );
});

test("a reader that went away is told nothing, and an error without an interruption is another's", () => {
  const { reason, signal } = aborted("SIGPIPE");
  expect(endOfInterrupted(signal, reason)).toEqual({ line: undefined, exitCode: 141 });
  expect(endOfInterrupted(new AbortController().signal, new Error("no"))).toBeUndefined();
});
