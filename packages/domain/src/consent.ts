import { z } from "zod";
import { formatUsd, fromUsd, MAX_USD, Pico } from "./money.ts";
import type { Preview } from "./preview.ts";
import type { RunState } from "./run-state.ts";

/** Above what a person is asked before a plan's tasks begin. */
export const ConsentSettings = z.object({
  /** what the run may come to, at the preview's high end; absent: its budget */
  above: Pico.positive().optional(),
  /** tasks of all versions of the plan; absent: as many as there are */
  tasks: z.number().int().positive().optional(),
  /** said yes before there was a plan, whatever it comes to */
  given: z.boolean().optional(),
});
export type ConsentSettings = z.infer<typeof ConsentSettings>;

/** What a run comes to with its newest plan: tasks of all versions, and what was spent with the preview's high end. */
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
    tokens: before.tokens + preview.tokens.high,
    ...(preview.cost === undefined ? {} : { cost: before.cost + preview.cost.high }),
  };
};

/** Where a run stops by itself anyway, or was told to ask; a simulated one spends nothing. */
const bounds = ({ run }: RunState): Partial<Projection> => {
  const { consent = {}, limits = {} } = run;
  const real = run.model.kind === "provider";
  const cost = consent.above ?? (real ? run.budget : undefined);
  const tasks = consent.tasks ?? limits.tasks;
  return {
    ...(cost === undefined ? {} : { cost }),
    ...(tasks === undefined ? {} : { tasks }),
    ...(real && limits.tokens !== undefined ? { tokens: limits.tokens } : {}),
  };
};

/** What of the projection passes its bound, and what was consented to before, in words. */
const passed = (state: RunState, now: Projection): string[] => {
  const { tasks, tokens, cost } = bounds(state);
  const before: Partial<Projection> = state.run.consented ?? {};
  const over = (value = 0, bound: number | undefined, known = 0) =>
    bound !== undefined && value > Math.max(bound, known);
  return [
    ...(over(now.cost, cost, before.cost)
      ? [`up to ${formatUsd(now.cost ?? 0)} in all, with ${formatUsd(cost ?? 0)} allowed unasked`]
      : []),
    ...(over(now.tokens, tokens, before.tokens)
      ? [`up to ${now.tokens} tokens in all, with a budget of ${tokens}`]
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
  const likely =
    preview.cost === undefined
      ? ""
      : `, likely ${formatUsd(preview.before.cost + preview.cost.likely)}`;
  return {
    question: consentId(run.planVersion),
    text: `Plan ${run.planVersion} comes to ${what.join("; ")}${likely} (budget ${formatUsd(run.budget)}). Go on? Answer ${CONSENT_FORMS}.`,
    reason: what.join("; "),
  };
};

/** The question about a plan version; no task's question has this form. */
export const consentId = (version: number): string => `consent-${version}`;

/** An accepted plan's tasks are held until a person has said that they may begin. */
export const awaitsConsent = ({ questions }: RunState): boolean =>
  Object.values(questions).some(({ about, answer }) => about === "consent" && answer === undefined);
