import {
  type AgentEnd,
  type Brief,
  type RunState,
  type StepInputOf,
  stepId,
  type ThreadRef,
} from "@headrace/domain";
import { askPerson } from "./ask-person.ts";
import { nextConversation } from "./handoff.ts";
import type { StepRequest, WorkflowPorts } from "./ports.ts";
import { stepResult } from "./thread.ts";

type AgentRequest = Omit<StepRequest, "input"> & {
  input: Omit<StepInputOf<"agent">, "conversation" | "brief">;
};

/** Questions of one job that are worth a person's time; a job that asks more is blocked. */
const MOST_QUESTIONS = 5;

/**
 * The job of an agent that leaves no work behind, through as many conversations as it asks questions and hands on. Each
 * question waits for its answer, whatever else goes on; `brief` is called anew for the conversation after it.
 */
export const converse = async (
  ports: WorkflowPorts,
  thread: ThreadRef,
  request: AgentRequest,
  brief: (state: RunState) => Promise<Brief>,
): Promise<Exclude<AgentEnd, { end: "handoff" }>> => {
  const steps: string[] = [];
  for (let questions = 0; ; ) {
    const conversation = steps.length + 1;
    const step = conversation === 1 ? request.step : `${request.step}-${conversation}`;
    const state = await ports.state(thread.run);
    // a step that was asked for keeps what it was asked with
    const known = state.steps[stepId(thread.run, request.subject, step)]?.input;
    const next =
      known?.kind === "agent"
        ? known
        : await nextConversation(
            state,
            { subject: request.subject, steps },
            { brief: () => brief(state) },
          );
    const input = { ...next, ...request.input, conversation };
    const { result } = await stepResult(ports, thread, { ...request, step, input });
    steps.push(step);
    if (result.end === "handoff") continue;
    if (result.end !== "blocked" || result.question === undefined) return result;
    questions += 1;
    if (questions > MOST_QUESTIONS) return result;
    await askPerson(ports, thread.run, {
      // ids have at most 48 characters: 32 of a task, 16 of its step
      question: `${request.subject}-q-${step}`,
      text: result.question,
      reason: result.reason,
      ...(request.task === undefined ? {} : { task: request.task }),
    });
  }
};
