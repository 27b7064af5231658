import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { createHeadrace, type Headrace, run } from "./shell.ts";
import { median, milliseconds, type Row, range } from "./table.ts";

const FACTORIES = 3;
const WARM_SUBMITS = 2;
/** what a cancelled run may take to let go of its sandboxes */
const QUIET_MS = 2000;
const IDLE_MS = 5000;
const LOOK_MS = 2000;
const CALL_BOUND_MS = 60_000;
const RUN_BOUND_MS = 4 * 60_000;

/**
 * Time from a submit to its first model call, on factories that the submit starts and on ones that run already; and
 * the memory of the last one, 5 s after it has finished a whole run.
 */
export const measureFactory = async (folder: string, signal: AbortSignal): Promise<Row[]> => {
  const cold: number[] = [];
  const warm: number[] = [];
  let idle = 0;
  for (let i = 0; i < FACTORIES; i += 1) {
    const data = join(folder, `data-${i}`);
    const headrace = createHeadrace(data, signal);
    try {
      cold.push((await submitted(headrace, join(folder, `cold-${i}`), signal)).toCall);
      for (let j = 1; j <= WARM_SUBMITS; j += 1)
        warm.push((await submitted(headrace, join(folder, `warm-${i}-${j}`), signal)).toCall);
      if (i === FACTORIES - 1) idle = await memoryAfterRun(headrace, { folder, data, signal });
    } finally {
      await createHeadrace(data).stop();
    }
  }
  const toCall = (what: string, times: number[]): Row => ({
    what,
    figure: milliseconds(median(times)),
    samples: times.length,
    note: range(times, milliseconds),
  });
  return [
    toCall("submit to first model call", warm),
    toCall("the same, no factory running", cold),
    {
      what: "idle factory, resident memory",
      figure: `${Math.round(idle / 1024)} MiB`,
      samples: 1,
      note: `${IDLE_MS / 1000} s after its last run ended; without Redis`,
    },
  ];
};

/** Submits, finds when the first model call was sent, and cancels the run. */
const submitted = async (headrace: Headrace, repo: string, signal: AbortSignal) => {
  const { run: id, startedAt } = await headrace.submit(repo);
  const sent = await until(CALL_BOUND_MS, signal, async () => {
    const call = (await headrace.events(id)).find((event) => event.type === "model.called");
    return call && Date.parse(call.at) - call.durationMs;
  });
  await headrace.cancel(id);
  await sleep(QUIET_MS, undefined, { signal });
  return { toCall: sent - startedAt };
};

const ControlFile = z.object({ pid: z.number() });

/** In KiB. */
const memoryAfterRun = async (
  headrace: Headrace,
  { folder, data, signal }: { folder: string; data: string; signal: AbortSignal },
): Promise<number> => {
  const { run: id } = await headrace.submit(join(folder, "whole"));
  const status = await until(RUN_BOUND_MS, signal, async () => {
    const found = (await headrace.runs()).find((state) => state.id === id)?.status;
    return found === "active" ? undefined : found;
  });
  if (status !== "complete") throw new Error(`the example's run is ${status}`);
  await sleep(IDLE_MS, undefined, { signal });
  const { pid } = ControlFile.parse(JSON.parse(await readFile(join(data, "control.json"), "utf8")));
  return Number((await run("ps", ["-o", "rss=", "-p", String(pid)], { signal })).stdout);
};

/** Looks again and again, seldom enough that looking does not slow down what is looked at. */
const until = async <T>(
  boundMs: number,
  signal: AbortSignal,
  look: () => Promise<T | undefined>,
): Promise<T> => {
  const deadline = Date.now() + boundMs;
  while (Date.now() < deadline) {
    await sleep(LOOK_MS, undefined, { signal });
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`waited ${boundMs / 1000} s in vain`);
};
