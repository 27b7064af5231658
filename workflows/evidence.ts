import { type Receipt, type RunState, stepId, type TaskRow, Verdict } from "@headrace/domain";
import type { WorkflowPorts } from "./ports.ts";

export type EvidencePiece = { title: string; text: string };

/** What was held against an attempt: red gates with their logs, refusals, findings, a return from the queue. */
export const evidenceOf = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow,
  attempt: number,
): Promise<EvidencePiece[]> => {
  const result = (step: string) => state.steps[stepId(state.run.id, row.id, step)]?.result;
  const pieces: EvidencePiece[] = [];
  const change = result(`change-${attempt}`);
  if (change?.kind === "change" && change.change.outcome === "refused") {
    pieces.push({ title: "the change was refused", text: change.change.reasons.join("\n") });
  }
  const verified = result(`verify-${attempt}`);
  if (verified?.kind === "verify")
    pieces.push(
      ...(await redGates(ports, verified.receipt)),
      ...(await failedChecks(ports, verified.receipt)),
    );
  const review = result(`review-${attempt}`);
  if (review?.kind === "agent" && review.result.end === "submitted") {
    pieces.push(...findings(Verdict.parse(review.result.output)));
  }
  const returned = row.returned?.attempt === attempt ? row.returned.receipt : undefined;
  const receipt = returned === undefined ? undefined : state.receipts[returned];
  if (receipt !== undefined)
    pieces.push(...(await redGates(ports, receipt, " after merging onto what landed since")));
  if (pieces.length > 0) return pieces;
  return [{ title: "why the attempt ended", text: row.reason ?? "unknown" }];
};

const redGates = async (
  ports: WorkflowPorts,
  { results }: Receipt,
  when = "",
): Promise<EvidencePiece[]> => {
  const red = results.filter((r) => r.verdict !== "pass");
  return Promise.all(
    red.map(async (r) => ({
      title: `gate ${r.gate}: ${r.reason}${when}`,
      text: await ports.text(r.log, ports.limits.evidenceBytes),
    })),
  );
};

const failedChecks = (ports: WorkflowPorts, { checks = [] }: Receipt): Promise<EvidencePiece[]> => {
  const failed = checks.filter(({ outcome }) => outcome === "fail");
  return Promise.all(
    failed.map(async ({ check, detail, log }) => ({
      title: `the gates are green, but ${check} is not: ${detail}`,
      text: log === undefined ? "" : await ports.text(log, ports.limits.evidenceBytes),
    })),
  );
};

const findings = (verdict: Verdict): EvidencePiece[] =>
  verdict.decision === "approve"
    ? []
    : [
        {
          title: `review: ${verdict.summary}`,
          text: verdict.findings
            .map(
              (f) =>
                `[${f.severity}] ${f.file}${f.line === undefined ? "" : `:${f.line}`}: ${f.problem}`,
            )
            .join("\n"),
        },
      ];
