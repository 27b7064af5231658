import { isEnded, picoReader, plainLine } from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { eventLine } from "../view/event-line.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** Every event of a run, housekeeping included; `--follow` waits for more until the run ends. */
export const log: VerbAction = async (world, [id = ""], options) => {
  await using reader = await openReader(dataDir(text(options, "data"), world.env));
  const json = flag(options, "json");
  const { run } = await reader.run(id);
  const stop = new AbortController();
  const signal = AbortSignal.any([world.interrupt, stop.signal]);
  const last = flag(options, "follow") && !isEnded(run.status) ? Number.POSITIVE_INFINITY : run.seq;
  const inPico = picoReader();
  for await (const event of reader.events(id, 0, signal)) {
    const line = json ? JSON.stringify(event) : (eventLine(inPico(event)) ?? quiet(event));
    world.out(line);
    if (event.seq >= last) break;
  }
  stop.abort();
  return 0;
};

const quiet = (event: { at: string; task?: string | undefined; type: string }): string =>
  `${new Date(event.at).toTimeString().slice(0, 8)}  ${(event.task ?? "run").padEnd(12)} ${plainLine(event.type)}`;
