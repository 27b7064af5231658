import { gatesFor, isGreen, Verdict } from "@headrace/domain";
import { reviewerBrief } from "../briefs.ts";
import { converse } from "../converse.ts";
import { baselineFor, canariesOf, checksFor } from "../gates-for.ts";
import type { WorkflowPorts } from "../ports.ts";
import { recordFor, stepResult } from "../thread.ts";
import { again, finishWith, inAttempt, rowOf, type S, thread } from "./attempt.ts";

export const verify = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const landingBase = row.attemptBase ?? state.run.tip;
  const { receipt } = await stepResult(ports, thread(s), {
    ...inAttempt(s, `verify-${s.attempt}`),
    input: {
      kind: "verify",
      commit: s.change ?? "",
      landingBase,
      gates: gatesFor(state, [s.id], landingBase),
      permits: row.task.permits,
      baseline: baselineFor(state, landingBase),
      canaries: canariesOf(state, [s.id]),
      checks: checksFor(state, row.task, landingBase),
    },
  });
  if (isGreen(receipt)) return { next: "review" as const };
  const { results, checks = [] } = receipt;
  const reasons = [
    ...results.filter((r) => r.verdict !== "pass").map((r) => `gate ${r.gate}: ${r.reason}`),
    ...checks.filter((c) => c.outcome === "fail").map((c) => `${c.check}: ${c.detail}`),
  ];
  return again(ports, s, "red", reasons.join("; ") || "no gate applied");
};

export const review = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const change = s.change ?? "";
  const request = {
    ...inAttempt(s, `review-${s.attempt}`),
    input: {
      kind: "agent" as const,
      role: "reviewer" as const,
      // with the gates green, what they ran in has been set up from the change already
      environment: row.task.permits.includes("lockfile")
        ? change
        : (row.attemptBase ?? state.run.tip),
      commit: change,
      attempt: s.attempt,
    },
  };
  const result = await converse(ports, thread(s), request, (now) =>
    reviewerBrief(ports, now, rowOf(now, s.id), { change, attempt: s.attempt }),
  );
  if (result.end === "blocked") return finishWith(`the review was blocked: ${result.reason}`);
  if (result.end === "limit")
    return again(ports, s, "rejected", `the review did not come to a verdict: ${result.detail}`);
  const verdict = Verdict.parse(result.output);
  await recordFor(ports, s.run, s.id, (now) =>
    rowOf(now, s.id).reviewedAttempt >= s.attempt
      ? []
      : [{ type: "review.finished", stage: "change", attempt: s.attempt, verdict }],
  );
  if (verdict.decision === "approve") return { next: "queue" as const };
  return again(ports, s, "rejected", `review: ${verdict.summary}`);
};
