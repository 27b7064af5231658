import { type RunState, stepId } from "@headrace/domain";
import { layoutOf } from "./layout.ts";
import type { WorkflowPorts } from "./ports.ts";

/** The step that builds the environment before anything else of a run. */
export const ENVIRONMENT_STEP = { subject: "end", step: "check-environment" } as const;

/** What an agent that starts from `commit` finds, so that it spends no turns looking. */
export const workspaceOf = async (
  ports: WorkflowPorts,
  { run, steps }: RunState,
  commit: string,
): Promise<{ tools?: string; layout: string }> => {
  const { subject, step } = ENVIRONMENT_STEP;
  const result = steps[stepId(run.id, subject, step)]?.result;
  const tools = result?.kind === "environment" ? result.facts : undefined;
  const layout = layoutOf(await ports.files(run.id, commit));
  return { ...(tools === undefined ? {} : { tools }), layout };
};
