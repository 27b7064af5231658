import type { WorkflowPorts } from "./ports.ts";
import { park } from "./thread.ts";

/** A question without a task concerns the whole run. */
type Asked = { question: string; text: string; reason: string; task?: string; about?: "consent" };

/** Puts a question to a person once, and parks until it is answered; everything else goes on meanwhile. */
export const askPerson = async (ports: WorkflowPorts, run: string, asked: Asked): Promise<void> => {
  const { question } = asked;
  await ports.record(run, (state) =>
    state.questions[question] ? [] : [{ type: "question.asked", ...asked }],
  );
  if ((await ports.state(run)).questions[question]?.answer === undefined) park(question);
};
