import {
  BUDGET_NAMES,
  CANARY_WORDS,
  type Check,
  type EventOf,
  type EventType,
  formatUsd,
  plainLine,
  RUNG_WORDS,
  refusedHosts,
  type StoredEvent,
  totalTokens,
} from "@headrace/domain";
import { compact, duration } from "./duration.ts";
import { aboutHours } from "./machine-time.ts";
import { aboutPreview } from "./preview-lines.ts";

type Tell = { [T in EventType]: (event: EventOf<T>) => string | undefined };

const silent = (): undefined => undefined;

/** What a person is told of each event; `undefined` is housekeeping, kept for `log`. */
const TELL: Tell = {
  "run.submitted": (e) =>
    `accepted: ${e.title}, ${e.requirements.length} requirements, budget ${formatUsd(e.budget)}`,
  "run.upgraded": silent,
  "run.queued": (e) => `queued behind ${e.behind}`,
  "run.started": () => "started",
  "run.checked": (e) =>
    `base checked: ${e.receipt.results.map((r) => `${r.gate} ${r.verdict} in ${duration(r.durationMs)}`).join(", ")}`,
  "base.red": (e) =>
    `incident: ${e.failing} tests of gate ${e.gate} fail on the base: they alone may go on failing`,
  "run.paused": (e) => `paused: ${e.reason}`,
  "run.resumed": () => "resumed",
  "run.cancelled": (e) => `cancelled: ${e.reason}`,
  "run.failed": (e) => `the factory failed, nothing is lost: ${e.reason}`,
  "run.planned": () => "planned: that was all it was asked for",
  "run.completed": () => "complete: every requirement has evidence",
  "run.incomplete": (e) => `incomplete: ${e.reasons.join("; ")}`,
  "thread.started": silent,
  "thread.finished": silent,
  "step.requested": silent,
  "step.dispatched": (e) => (e.lost ? `delivery lost, again: ${e.reason}` : undefined),
  "step.deferred": (e) => `waits until ${e.until}: ${e.reason}`,
  "step.finished": (e) => finished(e),
  "plan.proposed": (e) => {
    const installing = e.plan.tasks.filter((task) => task.permits.includes("lockfile"));
    const reach = installing.map(({ id }) => id).join(", ");
    return `plan ${e.plan.version} proposed: ${e.plan.tasks.length} tasks${reach && `; may change dependencies, with the package registries: ${reach}`}`;
  },
  "plan.rejected": (e) => `plan ${e.version} sent back: ${e.reasons.join("; ")}`,
  "plan.accepted": (e) =>
    `plan ${e.version} accepted: ${e.requirements.length} requirements, policy frozen${expected(e)}`,
  "task.ready": () => "ready",
  "task.queued": () => "waits to be merged",
  "task.returned": (e) => `came back from the merge queue: ${e.reason}`,
  "task.quarantined": (e) => `quarantined: ${e.reason}`,
  "attempt.started": (e) => `attempt ${e.attempt ?? 1} starts from ${e.base.slice(0, 10)}`,
  "attempt.finished": (e) =>
    e.outcome === "verified" ? undefined : `attempt ${e.attempt ?? 1} ${e.outcome}: ${e.reason}`,
  "model.called": (e) =>
    `${e.role} ← ${e.model}: ${compact(totalTokens(e.usage))} tokens, ${formatUsd(e.cost)}${e.estimated ? " (estimated)" : ""}${above(e.excess)}`,
  "model.failed": (e) => `${e.role}: model call failed (${e.class}): ${e.reason}`,
  "model.adjusted": (e) =>
    `call ${e.call} cost ${formatUsd(e.cost)}, not ${formatUsd(e.was)}: ${e.reason}${above(e.excess)}`,
  "cache.broken": (e) =>
    `${e.role}: turn ${e.turn} reads nothing from the cache: ${e.block} changed`,
  "tool.ran": (e) => `${e.role} ${e.ok ? "·" : "!"} ${e.tool} ${e.detail}`,
  // what was allowed is in the log; a person is told what was refused
  "network.used": (e) => {
    const refused = refusedHosts(e.requests);
    return refused.length === 0 ? undefined : `no network to ${refused.join(", ")}: not listed`;
  },
  "gate.finished": (e) =>
    `gate ${e.result.gate}: ${e.result.verdict} (${e.result.reason}, ${duration(e.result.durationMs)})`,
  "canary.finished": ({ canary }) =>
    `canary of gate ${canary.gate}: ${CANARY_WORDS[canary.outcome]} (${canary.detail})`,
  "check.finished": ({ check }) => checked(check),
  "receipt.recorded": silent,
  "research.finished": (e) => `research: ${e.summary}`,
  "review.finished": (e) => `review of the ${e.stage}: ${e.verdict.decision}, ${e.verdict.summary}`,
  "merge.started": (e) => `merging onto ${e.tip.slice(0, 10)}`,
  "merge.conflicted": (e) =>
    `conflict in ${e.files.join(", ")}${e.reason === undefined ? "" : `: ${e.reason}`}${e.rung === undefined ? "" : `; ${RUNG_WORDS[e.rung]}`}`,
  "merge.contended": silent,
  "conflict.predicted": (e) => `will conflict with ${e.other} in ${e.files.join(", ")}`,
  "merge.landed": (e) =>
    `landed as ${e.commit.slice(0, 10)} on ${e.branch}${e.part === undefined ? "" : `, ${e.part.index} of ${e.part.of} verified together`}`,
  "export.finished": silent,
  "export.blocked": (e) =>
    `${e.ref} was moved or deleted in your repository and is left alone: ${e.reason}`,
  "question.asked": (e) => `question ${e.question}: ${e.text}`,
  "question.answered": (e) => `answer to ${e.question}: ${e.text}`,
  "acceptance.finished": (e) =>
    `acceptance: ${e.results.filter((r) => r.met).length} of ${e.results.length} requirements have evidence`,
  "budget.warned": ({ spent, budget, level = "run", tokens }) =>
    tokens === undefined
      ? `${formatUsd(spent)} of ${formatUsd(budget)} spent of ${BUDGET_NAMES[level]} budget`
      : `${tokens.used} of ${tokens.budget} tokens used`,
  "budget.stopped": ({ spent, budget, level = "run", reason }) =>
    level === "run"
      ? `stopped for budget at ${formatUsd(spent)} of ${formatUsd(budget)}: ${reason}`
      : `stopped, ${BUDGET_NAMES[level]} budget cannot hold the next call: ${reason}`,
  "budget.parked": (e) =>
    `stands still, its ${e.level}'s budget of ${formatUsd(e.budget)} cannot hold the next call: ${e.reason}`,
  "spend.classed": silent,
  "run.steered": (e) => `told to every agent: ${e.text}`,
  "budget.raised": (e) =>
    e.tokens !== undefined
      ? `budget set to ${e.tokens} tokens`
      : e.task === undefined
        ? `budget set to ${formatUsd(e.budget)}`
        : `budgets of the task raised by ${formatUsd(e.budget)} in all`,
  "log.signed": silent,
  "note.added": (e) => `${e.level === "warning" ? "warning: " : ""}${e.text}`,
};

/** What the plan is expected to take; of logs from before previews, what was known then. */
const expected = ({ preview, machineTime }: EventOf<"plan.accepted">): string => {
  if (preview !== undefined) return `; ${aboutPreview(preview)}`;
  return machineTime === undefined ? "" : `; ${aboutHours(machineTime)}`;
};

/** A check that had nothing to run, and found nothing, is on the receipt. */
const checked = ({ check, outcome, detail, durationMs }: Check): string | undefined => {
  if (durationMs > 0) return `check ${check}: ${outcome} (${detail}; ${duration(durationMs)})`;
  return outcome === "pass" ? undefined : `check ${check}: ${outcome} (${detail})`;
};

/** A defect of the provider or of our counting, so that it is never read past. */
const above = (excess: number | undefined): string =>
  excess === undefined
    ? ""
    : `; warning: the provider reports ${formatUsd(excess)} more than the request allows`;

const finished = (e: EventOf<"step.finished">): string | undefined => {
  const { result } = e;
  if (result.kind === "environment") {
    return `environment ready${result.cached ? " (kept)" : ""} in ${duration(result.durationMs)}`;
  }
  if (result.kind === "change" && result.change.outcome === "refused") {
    return `change refused: ${result.change.reasons.join("; ")}`;
  }
  if (result.kind !== "agent" || result.result.end === "submitted") return undefined;
  if (result.result.end === "handoff") return `hands on: ${result.result.brief.why}`;
  // the failed model call has been told of
  if (result.result.end === "limit" && result.result.limit === "request") return undefined;
  return result.result.end === "limit"
    ? `ended by ${result.result.limit}: ${result.result.detail}`
    : `blocked: ${result.result.reason}`;
};

/** One event as `[task] words`, or undefined when a person need not see it. */
export const eventWords = (event: StoredEvent): string | undefined => {
  const words = (TELL[event.type] as (e: StoredEvent) => string | undefined)(event);
  return words === undefined ? undefined : plainLine(words, 400);
};

/** The line `run`, `watch` and `log` print: local time, subject, words. */
export const eventLine = (event: StoredEvent): string | undefined => {
  const words = eventWords(event);
  if (words === undefined) return undefined;
  const at = new Date(event.at).toTimeString().slice(0, 8);
  return `${at}  ${(event.task ?? "run").padEnd(12)} ${words}`;
};
