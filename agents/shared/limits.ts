import type { AgentLimits, HandoffLimits } from "@headrace/agent";

const MINUTE = 60_000;

/** Half of the window, or twice the cost: docs/adr/0023. */
const HANDOFF: HandoffLimits = { window: 0.5, cost: 2, turns: 12 };

/** For roles that look and judge; makers get more of everything. */
export const READER_LIMITS: AgentLimits = {
  turns: 40,
  outputTokens: 60_000,
  replyTokens: 16_000,
  wallMs: 30 * MINUTE,
  malformed: 4,
  repeats: 4,
  handoff: HANDOFF,
};

export const MAKER_LIMITS: AgentLimits = {
  turns: 120,
  outputTokens: 200_000,
  replyTokens: 16_000,
  wallMs: 90 * MINUTE,
  malformed: 4,
  repeats: 4,
  handoff: HANDOFF,
};
