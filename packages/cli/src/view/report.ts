import { branchRef, integrationBranch, isEnded, plainLine, type RunState } from "@headrace/domain";
import type { Command } from "../command.ts";
import { remedyLines } from "./budget-lines.ts";
import { checkLines } from "./check-lines.ts";
import { runLines } from "./run-lines.ts";
import { runSpendLines } from "./spend-lines.ts";

/** What a person reads when a run stops: how it ended, what each requirement rests on, and what to do next. */
export const reportLines = (state: RunState, command: Command): string[] => {
  const { run } = state;
  return [
    "",
    ...runLines(state, new Date(), command),
    "",
    ...requirementLines(state),
    ...run.reasons.map((reason) => `  because ${plainLine(reason, 500)}`),
    ...unshownLines(state),
    ...checkLines(state),
    ...runSpendLines(state),
    ...nextLines(state, command),
  ];
};

/** How a run stands, for whoever takes over its work before it is complete. */
export const standing = ({ id, status, reasons }: RunState["run"]): string =>
  [`run ${id} is ${status}`, ...reasons.map((reason) => plainLine(reason, 200))].join(": ");

/** Where the landed work is; a branch that the user moved or deleted is theirs and holds other work, or none. */
const branchLine = ({ id, repo, exportBlocked }: RunState["run"], command: Command): string => {
  const branch = integrationBranch(id);
  return exportBlocked.includes(branchRef(branch))
    ? `${branch} was moved or deleted in ${repo.path}; ${command(`land ${id}`)} tells how to have it again`
    : `${branch} in ${repo.path}`;
};

const requirementLines = ({ run }: RunState): string[] =>
  (run.acceptance?.results ?? []).map((result) => {
    const text = run.requirements.find((r) => r.id === result.requirement)?.text ?? "";
    const proof = result.evidence.map(({ evidence }) =>
      evidence.kind === "command" ? evidence.run : `${evidence.file}: ${evidence.quote}`,
    );
    return `  ${result.met ? "met  " : "UNMET"} ${result.requirement}  ${plainLine(text, 70)}\n              ${plainLine(result.met ? proof.join("; ") : result.reason, 100)}`;
  });

/** Gates whose green nothing has shown to be worth something. */
const unshownLines = ({ receipts }: RunState): string[] => {
  const rows = Object.values(receipts).flatMap(({ results }) => results);
  const unshown = rows.flatMap(({ gate, canary }) =>
    canary?.outcome === "off" || canary?.outcome === "none"
      ? [`  gate ${gate} was shown no bad tree: ${plainLine(canary.detail)}`]
      : [],
  );
  return [...new Set(unshown)];
};

/** The command that comes next, by how the run stands. */
const nextLines = (state: RunState, command: Command): string[] => {
  const { run } = state;
  const resume = `  go on:   ${command(`resume ${run.id}`)}`;
  if (run.status === "planned")
    return [`  the plan, to be edited and built: ${command(`plan --of ${run.id} -o plan.yaml`)}`];
  if (isEnded(run.status) && run.tip === run.base) {
    return [`  nothing has landed; what happened: ${command(`log ${run.id}`)}`];
  }
  if (isEnded(run.status)) {
    return [
      `  branch   ${branchLine(run, command)}`,
      `  review:  ${command(`review ${run.id}`)}     merge it: ${command(`land ${run.id}`)}`,
    ];
  }
  switch (run.status) {
    case "budget":
      return remedyLines(run.id, run.stoppedBy ?? "run", command);
    case "failed":
    case "paused":
      return [resume];
    default:
      return Object.values(state.questions)
        .filter((q) => q.answer === undefined)
        .map((q) => `  answer:  ${command(`answer ${run.id} ${q.id} "..."`)}`);
  }
};
