import { z } from "zod";
import { isSimulated } from "./limits-of.ts";
import { formatUsd, fromUsd, MAX_USD, Pico } from "./money.ts";
import type { Preview } from "./preview.ts";
import type { RunState } from "./run-state.ts";

/** Above what a person is asked before a plan's tasks begin. */
export const ConsentSettings = z.object({
  /** what the run may come to, at the preview's high end; absent: its budget, which is to hold what is likely */
  above: Pico.positive().optional(),
  /** tasks of all versions of the plan; absent: those of the run's limits, else `UNASKED_TASKS` */
  tasks: z.number().int().positive().optional(),
  /** said yes before there was a plan, whatever it comes to */
  given: z.boolean().optional(),
});
export type ConsentSettings = z.infer<typeof ConsentSettings>;

/** Tasks of all versions of a plan that are built unasked where nothing else is said. Chosen: a day's work; fan-out has no cap. */
const UNASKED_TASKS = 20;

/**
 * What a run comes to with its newest plan, as a bound is held against it: tasks of all versions, and what was spent
 * with what the preview adds. For a budget, which parks what it cannot hold, that is what is likely; for a bound that a
 * person set on cost it is the high end.
 */
export type Projection = { tasks: number; tokens: number; cost?: Pico };

/** `budget`: go on, with this as the run's budget. */
export type ConsentAnswer = { kind: "yes" } | { kind: "no" } | { kind: "budget"; budget: Pico };

export const CONSENT_FORMS = "yes, no, or the run's budget in dollars to go on with, such as 40";

/** What a person answered; undefined where it is none of these. */
export const readConsent = (text: string): ConsentAnswer | undefined => {
  const word = text.trim().toLowerCase();
  if (/^y(?:es)?$/.test(word)) return { kind: "yes" };
  if (/^no?$/.test(word)) return { kind: "no" };
  const [, dollars] = /^\$?(\d{1,6}(?:\.\d{1,4})?)(?: ?usd)?$/.exec(word) ?? [];
  const usd = Number(dollars);
  return usd > 0 && usd <= MAX_USD ? { kind: "budget", budget: fromUsd(usd) } : undefined;
};

/** The end of the preview's cost that is held against its bound. */
const costEnd = ({ run }: RunState): "likely" | "high" =>
  run.consent?.above === undefined ? "likely" : "high";

const previewIn = ({ run, plans }: RunState): Preview | undefined =>
  plans[run.planVersion]?.preview;

/** Undefined for a plan that was accepted before there were previews. */
export const projected = (state: RunState): Projection | undefined => {
  const preview = previewIn(state);
  if (preview === undefined) return undefined;
  const { before } = preview;
  const rows = Object.values(state.tasks).filter(({ status }) => status !== "dropped");
  return {
    tasks: rows.length,
    tokens: before.tokens + preview.tokens.likely,
    ...(preview.cost === undefined ? {} : { cost: before.cost + preview.cost[costEnd(state)] }),
  };
};

/** Where a run stops by itself anyway, or was told to ask; a simulated one spends nothing. */
const bounds = ({ run }: RunState): Partial<Projection> & Pick<Projection, "tasks"> => {
  const { consent = {}, limits = {} } = run;
  const real = !isSimulated(run);
  const cost = consent.above ?? (real ? run.budget : undefined);
  return {
    tasks: consent.tasks ?? limits.tasks ?? UNASKED_TASKS,
    ...(cost === undefined ? {} : { cost }),
    ...(real && limits.tokens !== undefined ? { tokens: limits.tokens } : {}),
  };
};

const WORDS = { likely: "likely", high: "up to" } as const;

/** What of the projection passes its bound, and what was consented to before, in words. */
const passed = (state: RunState, now: Projection): string[] => {
  const { tasks, tokens, cost } = bounds(state);
  const before: Partial<Projection> = state.run.consented ?? {};
  const over = (value = 0, bound: number | undefined, known = 0) =>
    bound !== undefined && value > Math.max(bound, known);
  return [
    ...(over(now.cost, cost, before.cost)
      ? [
          `${WORDS[costEnd(state)]} ${formatUsd(now.cost ?? 0)} in all, with ${formatUsd(cost ?? 0)} allowed unasked`,
        ]
      : []),
    ...(over(now.tokens, tokens, before.tokens)
      ? [`likely ${now.tokens} tokens in all, with a budget of ${tokens}`]
      : []),
    ...(over(now.tasks, tasks, before.tasks)
      ? [`${now.tasks} tasks in all, with ${tasks} allowed unasked`]
      : []),
  ];
};

/** What a person must agree to before tasks of the newest plan begin; undefined where nothing passes a bound. */
export const consentQuestion = (
  state: RunState,
): { question: string; text: string; reason: string } | undefined => {
  const preview = previewIn(state);
  const now = projected(state);
  if (preview === undefined || now === undefined || state.run.consent?.given) return undefined;
  const what = passed(state, now);
  if (what.length === 0) return undefined;
  const { run } = state;
  const { before, cost } = preview;
  const expected =
    cost === undefined
      ? ""
      : `likely ${formatUsd(before.cost + cost.likely)}, up to ${formatUsd(before.cost + cost.high)}, `;
  return {
    question: consentId(run.planVersion),
    text: `Plan ${run.planVersion} comes to ${what.join("; ")} (${expected}budget ${formatUsd(run.budget)}). Go on? Answer ${CONSENT_FORMS}.`,
    reason: what.join("; "),
  };
};

/** The question about a plan version; no task's question has this form. */
export const consentId = (version: number): string => `consent-${version}`;

/** An accepted plan's tasks are held until a person has said that they may begin. */
export const awaitsConsent = ({ questions }: RunState): boolean =>
  Object.values(questions).some(({ about, answer }) => about === "consent" && answer === undefined);
