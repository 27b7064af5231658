import type { FactoryControl } from "@headrace/domain";
import { OlderStoreError } from "@headrace/store";
import type { DataDir } from "../data-dir.ts";
import type { World } from "../world.ts";
import { openReader } from "./reader.ts";
import { ensureFactory } from "./spawn.ts";

/**
 * The factory through which a run is changed, started where none runs. The run must exist before one is; of a store in
 * an older format only the factory can tell, once it has brought it up to date.
 */
export const factoryOf = async (
  data: DataDir,
  run: string,
  { env, err }: World,
): Promise<FactoryControl> => {
  try {
    await using reader = await openReader(data);
    await reader.run(run);
  } catch (error) {
    if (!(error instanceof OlderStoreError)) throw error;
  }
  return ensureFactory(data, env, err);
};
