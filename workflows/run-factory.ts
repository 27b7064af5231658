import {
  applicableGates,
  consentQuestion,
  isBuildOver,
  isGreen,
  landedTasks,
  type Member,
  type NewEvent,
  nextBatch,
  RequirementClaim,
  RequirementResult,
  type RunState,
  readConsent,
  readyTasks,
} from "@headrace/domain";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { askPerson } from "./ask-person.ts";
import { refusals, shortcomings } from "./base-check.ts";
import { acceptanceBrief } from "./briefs.ts";
import { converse } from "./converse.ts";
import { landingId } from "./integrate-change.ts";
import type { WorkflowPorts } from "./ports.ts";
import { counter, park, stepResult, threadState, value } from "./thread.ts";
import { ENVIRONMENT_STEP } from "./workspace.ts";

/**
 * The run: check, plan, consent, build, accept, and again while requirements are unmet and plan versions are left. It reads
 * rows and starts threads; it holds no subgraph and never fans out, so no ready task waits for a slow one.
 */
type Node = "check" | "plan" | "consent" | "build" | "accept" | "finish";

const State = Annotation.Root({
  ...threadState,
  version: counter(1),
  reasons: value<string[]>(),
  next: value<Node>(),
});
type S = typeof State.State;

const thread = (s: S) => ({ run: s.run, kind: "run" as const, id: "run" });

const incomplete = (reasons: string[]) => ({ reasons, next: "finish" as const });

/** Builds the environment and runs the gates twice on the base: shown before any model call. */
const check = (ports: WorkflowPorts) => async (s: S) => {
  const { run } = await ports.state(s.run);
  await stepResult(ports, thread(s), {
    ...ENVIRONMENT_STEP,
    input: { kind: "environment", commit: run.base },
  });
  const gates = applicableGates(run.policy, new Set()).map((g) => g.name);
  if (gates.length === 0) return { next: "plan" as const };
  const input = {
    kind: "verify" as const,
    commit: run.base,
    landingBase: run.base,
    gates,
    permits: [],
  };
  const request = (n: number) => ({ subject: "end", step: `check-gates-${n}`, input });
  const shown = { ...request(1), input: { ...input, canaries: [] } };
  const { receipt } = await stepResult(ports, thread(s), shown);
  const blind = refusals(receipt, run.policy);
  if (blind.length > 0) {
    await ports.record(s.run, ({ run: { checked } }) =>
      checked ? [] : [{ type: "run.checked", receipt }],
    );
    return incomplete(blind);
  }
  const second = await stepResult(ports, thread(s), request(2));
  await ports.record(s.run, (state) =>
    state.run.checked
      ? []
      : [{ type: "run.checked", receipt }, ...shortcomings(receipt, second.receipt)],
  );
  const unrunnable = receipt.results.filter((r) => r.verdict === "not_run" && !r.tests);
  if (unrunnable.length === 0) return { next: "plan" as const };
  return incomplete(
    unrunnable.map((r) => `gate ${r.gate} cannot run on the base (${r.reason}); nothing was spent`),
  );
};

const started = (state: RunState, kind: "plan" | "task" | "landing", id: string): boolean =>
  state.threads[`${kind}/${id}`] !== undefined;

const plan = (ports: WorkflowPorts) => async (s: S) => {
  const id = `v${s.version}`;
  await ports.record(s.run, (state) =>
    started(state, "plan", id) ? [] : [{ type: "thread.started", kind: "plan", id }],
  );
  const state = await ports.state(s.run);
  if (state.run.planVersion >= s.version) return { next: "consent" as const };
  if (!state.threads[`plan/${id}`]?.finished) return park(`plan ${id}`);
  const why = state.plans[s.version]?.reasons ?? [];
  const unbuilt = Object.values(state.tasks).filter((t) => t.status === "quarantined");
  return incomplete([
    ...unbuilt.map((t) => `task ${t.id} is quarantined: ${t.reason ?? "unknown"}`),
    `no ${s.version === 1 ? "plan" : "new plan"} was accepted: ${why.join("; ")}`,
  ]);
};

/** Holds the plan's tasks until a person has agreed to what they may come to, where that passes what was allowed. */
const consent = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  if (state.run.until === "plan") return { next: "finish" as const };
  const asked = consentQuestion(state);
  if (asked === undefined) return { next: "build" as const };
  await askPerson(ports, s.run, { ...asked, about: "consent" });
  const answer = (await ports.state(s.run)).questions[asked.question]?.answer ?? "";
  if (readConsent(answer)?.kind !== "no") return { next: "build" as const };
  const why = `plan ${s.version} was declined: ${asked.reason}`;
  return incomplete(whyIncomplete(state, [why]));
};

/** Starts what can start: every ready task, and one batch of landings at a time. */
const dispatch = (state: RunState): NewEvent[] => {
  const ready = readyTasks(state)
    .filter((id) => !started(state, "task", id))
    .flatMap((id): NewEvent[] => [
      { type: "task.ready", task: id },
      { type: "thread.started", kind: "task", id, task: id },
    ]);
  const landing = Object.values(state.threads).some((t) => t.kind === "landing" && !t.finished);
  const [first, ...more] = landing ? [] : nextBatch(state);
  if (first === undefined) return ready;
  const members: [Member, ...Member[]] = [first, ...more];
  const id = landingId(members);
  if (started(state, "landing", id)) return ready;
  return [...ready, { type: "thread.started", kind: "landing", id, task: first.task, members }];
};

const build = (ports: WorkflowPorts) => async (s: S) => {
  await ports.record(s.run, dispatch);
  const state = await ports.state(s.run);
  if (!isBuildOver(state)) return park("build");
  const failed = Object.values(state.tasks).filter(
    (t) => t.status === "quarantined" && t.plan === s.version,
  );
  if (failed.length > 0 && s.version < ports.limits.planVersions) {
    return { version: s.version + 1, next: "plan" as const };
  }
  return { next: "accept" as const };
};

/** A read-only reviewer names evidence for each requirement; the factory re-runs and looks up every piece. */
const accept = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const { run } = state;
  if (landedTasks(state).size === 0)
    return incomplete(whyIncomplete(state, ["nothing was merged"]));
  const request = {
    subject: "end",
    step: `accept-${s.version}`,
    input: {
      kind: "agent" as const,
      role: "reviewer" as const,
      commit: run.tip,
      attempt: s.version,
    },
  };
  const result = await converse(ports, thread(s), request, (now) => acceptanceBrief(ports, now));
  if (result.end !== "submitted") {
    const why = result.end === "limit" ? result.detail : result.reason;
    return incomplete(whyIncomplete(state, [`acceptance came to no result: ${why}`]));
  }
  const claims = RequirementClaim.array().parse((result.output as { claims?: unknown }).claims);
  const evidence = await stepResult(ports, thread(s), {
    subject: "end",
    step: `evidence-${s.version}`,
    input: { kind: "evidence", commit: run.tip, claims },
  });
  const checked = RequirementResult.array().parse(evidence.results);
  const results = run.requirements.map(
    (r) =>
      checked.find((c) => c.requirement === r.id) ?? {
        requirement: r.id,
        met: false,
        reason: "acceptance named no evidence for it",
        evidence: [],
      },
  );
  await ports.record(s.run, (now) =>
    now.run.acceptedVersion >= s.version
      ? []
      : [{ type: "acceptance.finished", version: s.version, commit: run.tip, results }],
  );
  const unmet = results.filter((r) => !r.met);
  if (unmet.length === 0) return { reasons: [], next: "finish" as const };
  if (s.version < ports.limits.planVersions)
    return { version: s.version + 1, next: "plan" as const };
  const reasons = unmet.map((r) => `requirement ${r.requirement} is not met: ${r.reason}`);
  return incomplete(whyIncomplete(state, reasons));
};

const whyIncomplete = (state: RunState, reasons: string[]): string[] => [
  ...reasons,
  ...Object.values(state.tasks)
    .filter((t) => t.status === "quarantined")
    .map((t) => `task ${t.id} is quarantined: ${t.reason ?? "unknown"}`),
];

const finish = (ports: WorkflowPorts) => async (s: S) => {
  const reasons = (s.reasons ?? []).map((r) => r.slice(0, 4000));
  const green = (state: RunState) => {
    const last = Object.values(state.tasks).find((t) => t.landing?.commit === state.run.tip);
    const receipt = last?.landing && state.receipts[last.landing.receipt];
    return receipt !== undefined && isGreen(receipt);
  };
  await ports.record(s.run, (state) => {
    if (state.run.endedAt !== undefined) return [];
    if (reasons.length > 0) return [{ type: "run.incomplete", reasons }];
    if (state.run.until === "plan") return [{ type: "run.planned" }];
    return green(state)
      ? [{ type: "run.completed" }]
      : [
          {
            type: "run.incomplete",
            reasons: ["the tip of the integration branch has no green receipt"],
          },
        ];
  });
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

export const runFactory = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("check", check(ports))
    .addNode("plan", plan(ports))
    .addNode("consent", consent(ports))
    .addNode("build", build(ports))
    .addNode("accept", accept(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "check")
    .addConditionalEdges("check", onward, ["plan", "finish"])
    .addConditionalEdges("plan", onward, ["consent", "finish"])
    .addConditionalEdges("consent", onward, ["build", "finish"])
    .addConditionalEdges("build", onward, ["plan", "accept"])
    .addConditionalEdges("accept", onward, ["plan", "finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "run-factory" });
