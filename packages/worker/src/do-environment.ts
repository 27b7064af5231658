import type { StepInputOf, StepResult } from "@headrace/domain";
import { environmentOf } from "./trees.ts";
import type { Work } from "./worker.ts";

export const doEnvironment = async (
  work: Work,
  input: StepInputOf<"environment">,
): Promise<StepResult> => {
  const { image, cached, durationMs } = await environmentOf(work, input.commit);
  return { kind: "environment", image, cached, durationMs: Math.round(durationMs) };
};
