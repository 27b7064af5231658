import {
  type AgentEnd,
  type Brief,
  type RunState,
  type StepInputOf,
  stepId,
  type ThreadRef,
} from "@headrace/domain";
import { askPerson } from "./ask-person.ts";
import type { StepRequest, WorkflowPorts } from "./ports.ts";
import { stepResult } from "./thread.ts";

type AgentRequest = Omit<StepRequest, "input"> & {
  input: Omit<StepInputOf<"agent">, "conversation" | "brief">;
};

/** Questions of one job that are worth a person's time; a job that asks more is blocked. */
const MOST_QUESTIONS = 5;

/**
 * The job of an agent that leaves no work behind, through as many conversations as it asks questions. Each question
 * waits for its answer, whatever else goes on; `brief` is called anew for the conversation after it.
 */
export const converse = async (
  ports: WorkflowPorts,
  thread: ThreadRef,
  request: AgentRequest,
  brief: (state: RunState) => Promise<Brief>,
): Promise<AgentEnd> => {
  for (let conversation = 1; ; conversation += 1) {
    const step = conversation === 1 ? request.step : `${request.step}-${conversation}`;
    const state = await ports.state(thread.run);
    const known = state.steps[stepId(thread.run, request.subject, step)];
    const { result } = await stepResult(ports, thread, {
      ...request,
      step,
      // a step that was asked for keeps the brief it was asked with
      input: { ...request.input, conversation, brief: known ? {} : await brief(state) },
    });
    if (result.end !== "blocked" || result.question === undefined) return result;
    if (conversation > MOST_QUESTIONS) return result;
    await askPerson(ports, thread.run, {
      // ids have at most 48 characters: 32 of a task, 16 of its step
      question: `${request.subject}-q-${step}`,
      text: result.question,
      reason: result.reason,
      ...(request.task === undefined ? {} : { task: request.task }),
    });
  }
};
