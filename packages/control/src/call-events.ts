import type { Candidate, FailureFacts, NewEvent, Role, StepRow } from "@headrace/domain";
import { eventOwner } from "./dispatcher.ts";
import type { Learned } from "./provider-health.ts";

export const roleOf = ({ id, role }: StepRow): Role => {
  if (role === undefined) throw new Error(`step ${id} calls no model`);
  return role;
};

/** What people read of a call that gave no usable reply. */
export const failureEvents = (
  step: StepRow,
  { provider, model }: Pick<Candidate, "provider" | "model">,
  failure: FailureFacts,
  { until, alert, durationMs }: Learned & { durationMs?: number },
): NewEvent[] => [
  {
    type: "model.failed",
    ...{ step: step.id, role: roleOf(step), class: failure.class, provider, model },
    reason: failure.reason.slice(0, 4000),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(until === undefined ? {} : { until }),
    ...eventOwner(step),
  },
  ...(alert === undefined
    ? []
    : [{ type: "note.added" as const, level: "warning" as const, text: alert.slice(0, 4000) }]),
];
