import type { VerbAction } from "../world.ts";

export type VerbName = keyof typeof LOADERS;

// each verb is loaded when it is asked for: `status` should not wait for the whole factory
const LOADERS = {
  run: async () => (await import("./run.ts")).run,
  plan: async () => (await import("./plan.ts")).plan,
  check: async () => (await import("./check.ts")).check,
  init: async () => (await import("./init.ts")).init,
  watch: async () => (await import("./watch.ts")).watch,
  status: async () => (await import("./status.ts")).status,
  log: async () => (await import("./log.ts")).log,
  spend: async () => (await import("./spend.ts")).spend,
  review: async () => (await import("./review.ts")).review,
  land: async () => (await import("./land.ts")).land,
  audit: async () => (await import("./audit.ts")).audit,
  verify: async () => (await import("./verify.ts")).verify,
  export: async () => (await import("./export.ts")).exportRecords,
  pause: async () => (await import("./control.ts")).pause,
  resume: async () => (await import("./control.ts")).resume,
  cancel: async () => (await import("./control.ts")).cancel,
  answer: async () => (await import("./control.ts")).answer,
  steer: async () => (await import("./control.ts")).steer,
  budget: async () => (await import("./budget.ts")).budget,
  serve: async () => (await import("./serve.ts")).serve,
  stop: async () => (await import("./stop.ts")).stop,
  prices: async () => (await import("./prices.ts")).prices,
  doctor: async () => (await import("./doctor.ts")).doctor,
  simulator: async () => (await import("./simulator.ts")).simulator,
} satisfies Record<string, () => Promise<VerbAction>>;

export const VERB_ACTIONS = Object.fromEntries(
  Object.entries(LOADERS).map(([name, load]): [string, VerbAction] => [
    name,
    async (world, operands, options) => (await load())(world, operands, options),
  ]),
) as Record<VerbName, VerbAction>;
