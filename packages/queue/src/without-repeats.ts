const QUIET_MS = 30_000;

/** An outage repeats the same error on every connection every second; people need it once in a while. */
export const withoutRepeats = (report: (error: Error) => void): ((error: Error) => void) => {
  const last = new Map<string, number>();
  return (error) => {
    const now = Date.now();
    for (const [message, at] of last) if (now - at >= QUIET_MS) last.delete(message);
    if (last.has(error.message)) return;
    last.set(error.message, now);
    report(error);
  };
};
