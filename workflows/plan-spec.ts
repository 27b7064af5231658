import {
  checkPlan,
  PlanProposal,
  type PlanVersion,
  planPolicy,
  planRequirements,
  type RunState,
  Verdict,
} from "@headrace/domain";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { askPerson } from "./ask-person.ts";
import { critiqueBrief, plannerBrief } from "./briefs.ts";
import { machineTimeOf } from "./gates-for.ts";
import { nextConversation } from "./handoff.ts";
import type { WorkflowPorts } from "./ports.ts";
import { counter, stepResult, threadState, value } from "./thread.ts";

/**
 * One plan version: the planner proposes, code checks, the reviewer criticises once, and the accepted plan
 * freezes the policy. What fails goes back to the planner with the reasons, a bounded number of rounds.
 */
type Node = "propose" | "preflight" | "critique" | "accept" | "finish";

const State = Annotation.Root({
  ...threadState,
  round: counter(1),
  /** rises with every round and every answered question */
  conversation: counter(1),
  criticised: counter(0),
  plan: value<PlanVersion>(),
  reasons: value<string[]>(),
  next: value<Node>(),
});
type S = typeof State.State;

/** Thread ids are `v<version>`. */
const versionOf = (s: Pick<S, "id">): number => Number(s.id.slice(1));
const thread = (s: S) => ({ run: s.run, kind: "plan" as const, id: s.id });

const propose = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const version = versionOf(s);
  // accepted before the thread lost its checkpoint: it would no longer pass against the rows it made
  if (state.run.planVersion >= version) return { next: "finish" as const };
  if (version === 1 && state.run.givenPlan !== undefined) {
    const given = await ports.givenPlan(state.run.givenPlan);
    return { plan: { ...given, version }, criticised: 1, next: "preflight" as const };
  }
  const stepOf = (conversation: number) => `propose-${version}-${conversation}`;
  const steps = Array.from({ length: s.conversation - 1 }, (_, i) => stepOf(i + 1));
  const brief = () => plannerBrief(ports, state, { reasons: s.reasons ?? [], previous: s.plan });
  const next = await nextConversation(state, { subject: "plan", steps }, { brief });
  const { result } = await stepResult(ports, thread(s), {
    subject: "plan",
    step: stepOf(s.conversation),
    attempt: version,
    input: {
      kind: "agent",
      role: "planner",
      commit: state.run.tip,
      attempt: version,
      conversation: s.conversation,
      ...next,
    },
  });
  if (result.end === "submitted") {
    return { plan: { ...PlanProposal.parse(result.output), version }, next: "preflight" as const };
  }
  if (result.end === "handoff")
    return { conversation: s.conversation + 1, next: "propose" as const };
  if (result.end === "blocked" && result.question !== undefined)
    return ask(ports, s, result.question, result.reason);
  const why =
    result.end === "limit" ? `${result.limit}: ${result.detail}` : `blocked: ${result.reason}`;
  return { reasons: [`the planner did not submit a plan: ${why}`], next: "finish" as const };
};

/** A question about the whole run; the next conversation of the same round starts with its answer. */
const ask = async (ports: WorkflowPorts, s: S, text: string, reason: string) => {
  const question = `plan-q${versionOf(s)}-${s.conversation}`;
  await askPerson(ports, s.run, { question, text, reason });
  return { conversation: s.conversation + 1, next: "propose" as const };
};

/** Everything code can know about a plan, in sentences the planner can act on. */
const problemsOf = async (
  ports: WorkflowPorts,
  state: RunState,
  plan: PlanVersion,
): Promise<string[]> =>
  checkPlan(plan, {
    spec: await ports.text(state.run.spec, Number.MAX_SAFE_INTEGER),
    listed: state.run.requirements,
    policy: state.run.policy,
    tasks: state.tasks,
    unmet: (state.run.acceptance?.results ?? []).filter((r) => !r.met).map((r) => r.requirement),
  });

const backToPlanner = (ports: WorkflowPorts) => async (s: S, reasons: string[]) => {
  const version = versionOf(s);
  await ports.record(s.run, (state) =>
    (state.plans[version]?.rejectedRound ?? 0) >= s.round
      ? []
      : [
          {
            type: "plan.rejected",
            version,
            round: s.round,
            reasons: reasons.map((r) => r.slice(0, 4000)),
          },
        ],
  );
  const given = version === 1 && (await ports.state(s.run)).run.givenPlan !== undefined;
  if (given || s.round >= ports.limits.planRounds) return { reasons, next: "finish" as const };
  return {
    reasons,
    round: s.round + 1,
    conversation: s.conversation + 1,
    next: "propose" as const,
  };
};

const preflight = (ports: WorkflowPorts) => async (s: S) => {
  const { plan } = s;
  if (plan === undefined) return { next: "finish" as const };
  await ports.record(s.run, (state) =>
    (state.plans[plan.version]?.proposedRound ?? 0) >= s.round
      ? []
      : [{ type: "plan.proposed", plan, round: s.round }],
  );
  const problems = await problemsOf(ports, await ports.state(s.run), plan);
  if (problems.length > 0) return backToPlanner(ports)(s, problems);
  return { next: s.criticised > 0 ? ("accept" as const) : ("critique" as const) };
};

const critique = (ports: WorkflowPorts) => async (s: S) => {
  if (s.plan === undefined) return { next: "finish" as const };
  const state = await ports.state(s.run);
  const version = versionOf(s);
  const { result } = await stepResult(ports, thread(s), {
    subject: "plan",
    step: `critique-${version}-${s.round}`,
    attempt: version,
    input: {
      kind: "agent",
      role: "reviewer",
      commit: state.run.tip,
      attempt: version,
      conversation: s.round,
      brief: await critiqueBrief(ports, state, s.plan),
    },
  });
  // a critique that comes to nothing is advice missing, not a plan at fault
  if (result.end !== "submitted") return { criticised: 1, next: "accept" as const };
  const verdict = Verdict.parse(result.output);
  await ports.record(s.run, (now) =>
    (now.plans[version]?.criticisedRound ?? 0) >= s.round
      ? []
      : [{ type: "review.finished", stage: "plan", attempt: version, round: s.round, verdict }],
  );
  if (verdict.decision === "approve") return { criticised: 1, next: "accept" as const };
  const findings = verdict.findings.map((f) => `${f.file}: ${f.problem}`);
  return { criticised: 1, ...(await backToPlanner(ports)(s, [verdict.summary, ...findings])) };
};

const accept = (ports: WorkflowPorts) => async (s: S) => {
  const { plan } = s;
  if (plan === undefined) return { next: "finish" as const };
  const state = await ports.state(s.run);
  const spec = await ports.text(state.run.spec, Number.MAX_SAFE_INTEGER);
  const requirements = planRequirements(plan, state.run.requirements, spec);
  const policy =
    state.run.policyHash === undefined ? planPolicy(state.run.policy, plan) : state.run.policy;
  const policyHash = await ports.freeze(policy);
  const machineTime = machineTimeOf(state, plan, policy);
  const preview = await ports.preview(state, plan, machineTime);
  const accepted = { version: plan.version, requirements, policy, policyHash };
  await ports.record(s.run, (now) =>
    now.run.planVersion >= plan.version
      ? []
      : [{ type: "plan.accepted", ...accepted, machineTime, preview }],
  );
  return { next: "finish" as const };
};

const finish = (ports: WorkflowPorts) => async (s: S) => {
  const version = versionOf(s);
  await ports.record(s.run, (state) =>
    state.run.planVersion >= version || state.plans[version]?.status === "rejected"
      ? []
      : [
          {
            type: "plan.rejected",
            version,
            round: s.round,
            reasons: (s.reasons ?? ["no plan was submitted"]).map((r) => r.slice(0, 4000)),
          },
        ],
  );
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

export const planSpec = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("propose", propose(ports))
    .addNode("preflight", preflight(ports))
    .addNode("critique", critique(ports))
    .addNode("accept", accept(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "propose")
    .addConditionalEdges("propose", onward, ["preflight", "propose", "finish"])
    .addConditionalEdges("preflight", onward, ["critique", "accept", "propose", "finish"])
    .addConditionalEdges("critique", onward, ["accept", "propose", "finish"])
    .addConditionalEdges("accept", onward, ["finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "plan-spec" });
