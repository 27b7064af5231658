import type { Used } from "@headrace/domain";
import { readCalls, type Toolbox } from "./calls.ts";
import type { AgentLimits } from "./define.ts";
import type { Turn } from "./transcript.ts";

export type Progress = Used & {
  /** malformed calls since the last well-formed one */
  malformed: number;
  /** how often a run of equal turns reached the limit */
  loops: number;
};

/**
 * How far a job has come: a fold over its conversation's turns, so that a resumed one goes on counting. `used` is what
 * these and earlier conversations used.
 */
export const progressOf = (
  turns: readonly Turn[],
  used: Used,
  toolbox: Toolbox,
  limits: AgentLimits,
): Progress => {
  const progress = { ...used, malformed: 0, loops: 0 };
  let before: string | undefined;
  let streak = 0;
  for (const turn of turns) {
    const calls = readCalls(turn, toolbox);
    if (calls.length === 0) progress.malformed += 1;
    for (const call of calls) {
      progress.malformed = call.kind === "malformed" ? progress.malformed + 1 : 0;
    }
    const now = signature(turn);
    streak = now !== undefined && now === before ? streak + 1 : 1;
    before = now;
    if (now !== undefined && streak % limits.repeats === 0) progress.loops += 1;
  }
  return progress;
};

const signature = (turn: Turn): string | undefined =>
  turn.uses.length === 0
    ? undefined
    : JSON.stringify(turn.uses.map((u) => [u.name, u.input, turn.results.get(u.id)?.content]));

export type Limit = { limit: string; detail: string };

/** The limit that is used up, if one is. */
export const usedUp = (p: Progress, limits: AgentLimits, elapsedMs: number): Limit | undefined => {
  if (p.turns >= limits.turns) return { limit: "turns", detail: `${p.turns} turns used` };
  if (p.outputTokens >= limits.outputTokens) {
    return { limit: "output tokens", detail: `${p.outputTokens} tokens written` };
  }
  if (p.malformed >= limits.malformed) {
    return { limit: "malformed calls", detail: `${p.malformed} in a row` };
  }
  if (p.loops >= 2) {
    return { limit: "looped", detail: "the same call with the same result again, after a warning" };
  }
  if (elapsedMs >= limits.wallMs) {
    return { limit: "wall time", detail: `${Math.round(elapsedMs / 60_000)} minutes passed` };
  }
  return undefined;
};

/** Whether what is left is for coming to an end. */
export const isNearlyUsedUp = (used: Used, limits: AgentLimits): boolean =>
  used.turns >= limits.turns * NEARLY || used.outputTokens >= limits.outputTokens * NEARLY;
const NEARLY = 0.85;

/** What the model should be told before it runs into a limit. */
export const warnings = (p: Progress, limits: AgentLimits): string[] => [
  ...(p.loops === 1
    ? [
        "You have repeated the same call and got the same result each time. Doing it once more will not help and ends the job: take another way, submit what is done, or call report_blocked.",
      ]
    : []),
  ...(isNearlyUsedUp(p, limits)
    ? [
        "Most of this job's turns or output is used up. Bring the work into a complete state now and submit it, or call report_blocked.",
      ]
    : []),
];
