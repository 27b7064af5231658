/** A machine of two processors runs two sandboxes without either taking longer for the other. */
export const AT_ONCE = 2;

/**
 * Does the work for each item, two at a time, and answers in their order. Once one rejects no more are begun, and that is
 * thrown when nothing is under way any more.
 */
export const twoAtATime = async <T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> => {
  const waiting = [...items.entries()];
  const done: R[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, item] = next;
      try {
        done[at] = await work(item);
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  for (const end of lanes) if (end.status === "rejected") throw end.reason;
  return done;
};
