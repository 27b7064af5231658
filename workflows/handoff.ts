import {
  type AgentEnd,
  type Brief,
  type RunState,
  type StepInputOf,
  stepId,
} from "@headrace/domain";

/** Handoffs of one job; each costs a sandbox and a prompt written anew. */
const MOST_HANDOFFS = 3;

type Conversation = { brief: Brief; end: AgentEnd };

/** The conversations of a job that has not come to its end, oldest first: each asked a person or handed on. */
const conversationsOf = (state: RunState, subject: string, steps: readonly string[]) => {
  const rows = steps.map((step): Conversation | undefined => {
    const row = state.steps[stepId(state.run.id, subject, step)];
    return row?.input.kind === "agent" && row.result?.kind === "agent"
      ? { brief: row.input.brief, end: row.result.result }
      : undefined;
  });
  const before = rows.findLastIndex((row) => row === undefined || !goesOn(row.end));
  return rows.slice(before + 1).filter((row) => row !== undefined);
};

const goesOn = ({ end }: AgentEnd): boolean => end === "handoff" || end === "blocked";

type ConversationInput = Pick<StepInputOf<"agent">, "brief" | "handoffs" | "used" | "handoff">;

/**
 * What the next conversation of a job is given, after those of `steps`, which are named in order. One that was handed on
 * to has the brief of the one before it, byte for byte, so that a provider still has most of its first message; after an
 * answer the brief is made anew. `changed`: what the job has changed so far, a line a file.
 */
export const nextConversation = async (
  state: RunState,
  { subject, steps }: { subject: string; steps: readonly string[] },
  make: { brief(): Promise<Brief>; changed?(): Promise<string[]> },
): Promise<ConversationInput> => {
  const before = conversationsOf(state, subject, steps);
  const handoffs = before.flatMap(({ end }) => (end.end === "handoff" ? [end] : []));
  const newest = handoffs.at(-1);
  const last = before.at(-1);
  const used = before.flatMap(({ end }) => ("used" in end && end.used ? [end.used] : [])).at(-1);
  const handoff = newest && { ...newest.brief, changed: (await make.changed?.()) ?? [] };
  return {
    brief: last?.end.end === "handoff" ? last.brief : await make.brief(),
    handoffs: MOST_HANDOFFS - handoffs.length,
    ...(used === undefined ? {} : { used }),
    ...(handoff === undefined ? {} : { handoff }),
  };
};
