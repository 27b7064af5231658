import { type AgentDefinition, runAgent } from "@headrace/agent";
import { AGENTS } from "@headrace/agents";
import {
  type ModelChoice,
  type ModelClients,
  type Policy,
  type Role,
  type SandboxSpec,
  SetupFailedError,
  type StepInputOf,
  type StepOutcome,
} from "@headrace/domain";
import { askModel } from "@headrace/models";
import { closedBehind } from "./closed-behind.ts";
import { networkLog } from "./network-log.ts";
import { environmentOf, have, sandboxFor } from "./trees.ts";
import type { Work } from "./worker.ts";

/** Behind a relay a person may play the model, and is not hurried. */
const RELAY_WALL_MS = 24 * 60 * 60_000;

const definitionFor = (role: Role, model: ModelChoice): AgentDefinition => {
  const definition = AGENTS[role];
  if (model.kind !== "relay") return definition;
  return { ...definition, limits: { ...definition.limits, wallMs: RELAY_WALL_MS } };
};

/**
 * What an agent may reach: the researcher the hosts that somebody listed for it, and who makes a change whose plan
 * permits new dependencies the package registries alone. Every other agent has no network.
 */
const networkFor = (
  { role, permits = [] }: StepInputOf<"agent">,
  { network: { research } }: Policy,
): SandboxSpec["network"] => {
  switch (role) {
    case "researcher":
      return research.length === 0 ? undefined : { phase: "research", hosts: research };
    case "coder":
    case "merger":
      return permits.includes("lockfile") ? { phase: "coding", hosts: [] } : undefined;
    case "planner":
    case "reviewer":
      return undefined;
  }
};

/**
 * Setup sees what has landed, and an earlier attempt's manifests only where the plan permits new dependencies: then
 * its coder has what the gates had. What cannot be set up is the coder's to mend, from what has landed.
 */
const imageFor = async (work: Work, input: StepInputOf<"agent">): Promise<string> => {
  const { role, commit, environment = commit, permits = [] } = input;
  if (role === "coder" && permits.includes("lockfile") && environment !== commit) {
    try {
      return (await environmentOf(work, commit)).image;
    } catch (error) {
      if (!(error instanceof SetupFailedError)) throw error;
    }
  }
  return (await environmentOf(work, environment)).image;
};

/** One claim of an agent's job: a fresh sandbox, the saved conversation, and on from there. */
export const doAgent = async (work: Work, input: StepInputOf<"agent">): Promise<StepOutcome> => {
  const { api, claim, clock, inbox, repo, sandboxes } = work;
  const clients: ModelClients = (provider) => work.modelClient(claim.model, provider);
  await using log = networkLog(work);
  const granted = networkFor(input, claim.policy);
  // who has a network tries again as its clients do
  const network = granted && {
    network: { ...granted, onRequest: log.onRequest },
    env: claim.policy.env,
  };
  const run = await runAgent({
    definition: definitionFor(input.role, claim.model),
    claim: { ...claim, input },
    api,
    clock,
    inbox,
    async openSandbox(signal) {
      const image = await imageFor(work, input);
      const sandbox = await sandboxes.open({ ...sandboxFor(work, image), ...network }, signal);
      // until one with a network is closed, it may have requests to tell
      return network === undefined ? closedBehind(sandbox, work.log) : sandbox;
    },
    async changed(snapshot) {
      // it stands on the step's commit, which comes with it
      await have(work, snapshot);
      return (await repo.treeOf(snapshot)) !== (await repo.treeOf(input.commit));
    },
    ask: (ask) => askModel({ clients, api, clock }, ask),
  });
  switch (run.kind) {
    case "ended":
      return { kind: "done", result: { kind: "agent", result: run.end } };
    case "budget":
    case "stopped":
      return run;
    case "unavailable":
      // no time given means that waiting does not help: key, credit or model must be seen to by a person
      return run.retryAt === undefined
        ? { kind: "fatal", reason: run.reason }
        : { kind: "retry", at: run.retryAt, reason: run.reason };
  }
};
