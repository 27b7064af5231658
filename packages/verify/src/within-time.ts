import { runInNewContext } from "node:vm";
import { z } from "zod";

const TimedOut = z.object({ code: z.literal("ERR_SCRIPT_EXECUTION_TIMEOUT") });

/**
 * Runs synchronous work of ours on input that may be made to be slow or deep; undefined where it takes longer than `ms`
 * or nests deeper than the stack. The context is only there because Node ends what runs in one.
 */
export const withinTime = <T>(ms: number, work: () => T): T | undefined => {
  let result: T | undefined;
  const run = () => {
    result = work();
  };
  try {
    runInNewContext("run()", { run }, { timeout: ms });
    return result;
  } catch (error) {
    if (error instanceof RangeError || TimedOut.safeParse(error).success) return undefined;
    throw error;
  }
};
