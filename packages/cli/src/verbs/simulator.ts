import { once } from "node:events";
import { resolve } from "node:path";
import { startSimulator } from "@headrace/simulator";
import { listenAddress } from "../factory/address.ts";
import { text, type VerbAction } from "../world.ts";

/** Serves a model script over the Messages API until it is stopped. */
export const simulator: VerbAction = async (world, [file = ""], options) => {
  const { host, port } = listenAddress(text(options, "listen"));
  const server = await startSimulator({
    mode: { kind: "script", file: resolve(world.cwd, file) },
    host,
    port,
  });
  world.out(`ANTHROPIC_BASE_URL=${server.url}`);
  world.out(`ANTHROPIC_API_KEY=${server.apiKey}`);
  if (!world.interrupt.aborted) await once(world.interrupt, "abort");
  await server.close();
  return 0;
};
