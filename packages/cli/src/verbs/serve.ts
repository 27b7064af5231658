import { dataDir } from "../data-dir.ts";
import { serve as serveFactory } from "../factory/serve.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** Runs the control plane in the foreground until it is told to stop. */
export const serve: VerbAction = async (world, _operands, options) => {
  await serveFactory({
    data: dataDir(text(options, "data"), world.env),
    env: world.env,
    listen: text(options, "listen"),
    exitWhenIdle: flag(options, "exitWhenIdle"),
    awake: options.awake !== false,
    signal: world.interrupt,
    log: (line) => world.err(`${new Date().toISOString()} ${line}`),
  });
  return 0;
};
