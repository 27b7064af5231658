import type { StepInputOf, StepResult } from "@headrace/domain";
import { environmentOf, sandboxFor } from "./trees.ts";
import type { Work } from "./worker.ts";

export const doEnvironment = async (
  work: Work,
  input: StepInputOf<"environment">,
): Promise<StepResult> => {
  const { image, cached, durationMs } = await environmentOf(work, input.commit);
  // who asked for it goes on with an agent
  work.sandboxes.warm(sandboxFor(work, image));
  return { kind: "environment", image, cached, durationMs: Math.round(durationMs) };
};
