import type { ConsentSettings } from "@headrace/domain";
import { parseUsd } from "./usd.ts";
import { flag, type Options, text } from "./world.ts";

/** Above what a run asks before it builds: by the command line, else by config.yaml, else by the run's budget. */
export const consentOf = (
  options: Options,
  configured: Pick<ConsentSettings, "above" | "tasks">,
): ConsentSettings => {
  const above = text(options, "askAbove");
  return {
    ...configured,
    ...(above === undefined ? {} : { above: parseUsd(above, "--ask-above") }),
    ...(flag(options, "yes") ? { given: true } : {}),
  };
};
