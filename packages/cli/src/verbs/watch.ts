import { dataDir } from "../data-dir.ts";
import { openReader, pickRun } from "../factory/reader.ts";
import { followRun } from "../follow.ts";
import { text, type VerbAction } from "../world.ts";

const DETACHED = 130;

/** Shows a run as `run` does, from the start, and answers with its exit code. */
export const watch: VerbAction = async (world, [id], options) => {
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  const { run } = await pickRun(reader, id);
  return (await followRun(world, reader, run.id, { data, json: false })) ?? DETACHED;
};
