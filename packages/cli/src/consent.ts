import type { ConsentSettings } from "@headrace/domain";
import { Usd } from "@headrace/intake";
import { z } from "zod";
import { parseUsd } from "./usd.ts";
import { flag, type Options, text } from "./world.ts";

const TASKS = "expected a whole number of tasks above 0";

/** `ask` of config.yaml: above what a person is asked before a plan is built. */
export const AskFields = z.strictObject({
  above: Usd.optional(),
  tasks: z.number(TASKS).int(TASKS).positive(TASKS).optional(),
});

/** Above what a run asks before it builds: by the command line, else by config.yaml, else by the run's budget. */
export const consentOf = (
  options: Options,
  configured: z.output<typeof AskFields>,
): ConsentSettings | undefined => {
  const above = text(options, "askAbove");
  const consent: ConsentSettings = {
    ...configured,
    ...(above === undefined ? {} : { above: parseUsd(above, "--ask-above") }),
    ...(flag(options, "yes") ? { given: true } : {}),
  };
  return Object.keys(consent).length === 0 ? undefined : consent;
};
