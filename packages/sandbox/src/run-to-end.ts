import type { ExecResult } from "@headrace/domain";
import { BoundedOutput } from "../../../sandboxes/supervisor/bounded-output.mjs";
import { demux } from "./demux.ts";
import type { Machine } from "./machine.ts";

/** What the engine may take beyond the timeout to report the end of what was killed. */
const GRACE_MS = 60_000;
/** Output still under way when the container has ended. */
const TRAILING_MS = 5000;

/**
 * Starts a created container and waits for its end, killing it at the timeout or abort. Only the engine is asked how
 * it ended; what it prints is kept for people.
 */
export const runToEnd = async (
  container: Machine,
  limits: { timeoutMs: number; maxOutputBytes: number },
  signal?: AbortSignal,
): Promise<ExecResult> => {
  const stream = await container.attach();
  const output = new BoundedOutput(limits.maxOutputBytes);
  demux(stream, (_, chunk) => output.push(chunk));
  const drained = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"]) stream.on(event, () => resolve());
  });
  let timedOut = false;
  // should the engine fail here, the wait below fails as well, and tells
  const kill = () => void container.kill().catch(() => {});
  const started = performance.now();
  await container.start(signal);
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, limits.timeoutMs);
  signal?.addEventListener("abort", kill, { once: true });
  try {
    await endOf(container, drained, limits.timeoutMs + GRACE_MS);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
  signal?.throwIfAborted();
  const durationMs = Math.round(performance.now() - started);
  await within(TRAILING_MS, drained);
  stream.destroy();
  const [{ exitCode, oomKilled }, exceeded] = await Promise.all([
    container.inspect(),
    container.measure(),
  ]);
  const { bytes, total, truncated } = output.take();
  return {
    exitCode: timedOut || exceeded !== undefined ? null : exitCode,
    timedOut,
    oomKilled,
    ...(exceeded && { exceeded: exceeded.limit }),
    output: bytes.toString("utf8"),
    outputBytes: total,
    truncated,
    durationMs,
  };
};

/**
 * dockerode's wait never settles when the engine goes away in the middle of it, but the attached stream ends then
 * too; and while a container runs, its stream may have ended because it closed its output.
 */
const endOf = async (container: Machine, drained: Promise<void>, ms: number): Promise<void> => {
  const ended = container.wait(ms);
  const streamEnded = drained.then(async () => {
    const { running } = await container.inspect();
    if (running) await ended;
  });
  await Promise.race([ended, streamEnded]);
};

const within = async (ms: number, promise: Promise<void>): Promise<void> => {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
};
