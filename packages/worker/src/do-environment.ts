import type { StepInputOf, StepResult } from "@headrace/domain";
import { probeEnvironment } from "./probe-environment.ts";
import { environmentOf, sandboxFor } from "./trees.ts";
import type { Work } from "./worker.ts";

export const doEnvironment = async (
  work: Work,
  input: StepInputOf<"environment">,
): Promise<StepResult> => {
  const { image, cached, durationMs } = await environmentOf(work, input.commit);
  const facts = await factsOf(work, image);
  // who asked for it goes on with an agent
  work.sandboxes.warm(sandboxFor(work, image));
  const built = { kind: "environment" as const, image, cached, durationMs: Math.round(durationMs) };
  return facts === undefined ? built : { ...built, facts };
};

/** What a sandbox of the image has; an agent can do without knowing, so nothing fails for want of it. */
const factsOf = async (work: Work, image: string): Promise<string | undefined> => {
  const { claim, inbox, sandboxes, log } = work;
  try {
    const alone = { ...sandboxFor(work, image), services: [] };
    await using sandbox = await sandboxes.open(alone, inbox.signal);
    const { limits } = await sandboxes.affordable(claim.policy);
    return await probeEnvironment(sandbox, { ...claim.policy, limits }, inbox.signal);
  } catch (error) {
    inbox.signal.throwIfAborted();
    log(`looking at the environment: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
};
