import { checkBudgetMs, type MachineTime, type Policy, totalMs } from "@headrace/domain";
import { duration } from "./duration.ts";

/** What a person can know of the hours before anything has run: timeouts are the bound. */
export const aboutTimeouts = ({ gates, verification }: Policy): string => {
  const agents = "what agents take comes on top";
  if (gates.length === 0) return `machine time: known once the plan's gates have run; ${agents}`;
  const gatesMs = gates.reduce((sum, { timeoutS }) => sum + timeoutS * 1000, 0);
  const checksMs = checkBudgetMs(verification, gatesMs);
  const further = checksMs === 0 ? "" : ` and ${duration(checksMs)} for further checks`;
  return `machine time: by their timeouts gates take at most ${duration(gatesMs)} for each verification${further}; measured on the base first; ${agents}`;
};

/** The same once the gates have run on the base and the plan says how many tasks there are. */
export const aboutHours = (time: MachineTime): string => {
  const { tasks, gatesMs, checksMs, unmeasured } = time;
  const checks = checksMs === 0 ? "" : `, at most ${duration(checksMs)} of further checks`;
  if (gatesMs === 0)
    return `machine time to verify ${tasks} ${tasks === 1 ? "task" : "tasks"}: known once gates (${unmeasured.join(", ")}) have run${checks}`;
  const unknown = unmeasured.length === 0 ? "" : `; not measured yet: ${unmeasured.join(", ")}`;
  return `machine time to verify ${tasks} ${tasks === 1 ? "task" : "tasks"} once: up to ${duration(totalMs(time))} (each: gates ${duration(gatesMs)}${checks}, gates again to land${unknown})`;
};
