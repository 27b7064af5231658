import {
  fromUsd,
  type Gate,
  type Isolation,
  type NetworkPolicy,
  type Pico,
  Policy,
} from "@headrace/domain";
import { CONFIG_FILE, type RepoConfig } from "./config.ts";
import type { Detected } from "./detect.ts";
import type { SpecDocument } from "./spec.ts";

/**
 * Protected in every repository, whatever a plan permits: the factory's own file, git's, and everything that would
 * run with the user's secrets once a branch is pushed. A spec that is about CI is done by a person.
 */
export const BUILT_IN_PROTECTED: readonly string[] = [
  "**/.git/**",
  ".gitmodules",
  CONFIG_FILE,
  ".github/workflows/**",
  ".github/actions/**",
  ".gitlab-ci.yml",
  ".circleci/**",
  ".buildkite/**",
  "azure-pipelines.yml",
  "bitbucket-pipelines.yml",
  "Jenkinsfile",
];

/** What a run costs at most when nobody says anything. */
export const DEFAULT_BUDGET: Pico = fromUsd(20);

/** The first of the sources that gives a field, by name; `none` leaves it to the plan. */
const first = <T>(
  given: readonly (readonly [Policy["from"]["gates"], T[] | undefined])[],
): [Policy["from"]["gates"], T[]] => {
  for (const [source, value] of given) if (value !== undefined) return [source, value];
  return ["none", []];
};

const unlessEmpty = <T>(found: T[]): T[] | undefined => (found.length > 0 ? found : undefined);

/** What is left of files once the commit has said what its gates are. */
type WithGates<T extends { gates?: unknown }> = Omit<T, "gates"> & { gates?: Gate[] | undefined };

/**
 * The policy before a plan: each field from the spec's front matter, else `headrace.yaml`, else detection at the run
 * base; protected is the union of all.
 */
export const resolvePolicy = (from: {
  spec: WithGates<Pick<SpecDocument, "gates" | "setup" | "protected">>;
  config: WithGates<RepoConfig>;
  detected: Pick<Detected, "gates" | "setup" | "tools" | "image">;
  /** the person's own configuration, which a repository may only tighten */
  user?: { network: NetworkPolicy; isolation: Isolation };
}): Policy => {
  const { spec, config, detected, user } = from;
  const [gatesFrom, gates] = first([
    ["spec", spec.gates],
    ["file", config.gates],
    ["detected", unlessEmpty(detected.gates)],
  ]);
  const [setupFrom, setup] = first([
    ["spec", spec.setup],
    ["file", config.setup],
    ["detected", unlessEmpty(detected.setup)],
  ]);
  const { image, dockerfile, memory, cpus, disk, env, services, network, isolation } =
    config.sandbox ?? {};
  const hosts = (phase: keyof NetworkPolicy): string[] => [
    ...new Set([...(user?.network[phase] ?? []), ...(network?.[phase] ?? [])]),
  ];
  const strict = <T extends string>(value: T, ...given: (string | undefined)[]): T | undefined =>
    given.includes(value) ? value : undefined;
  return Policy.parse({
    gates,
    setup,
    protected: [
      ...new Set([...BUILT_IN_PROTECTED, ...(spec.protected ?? []), ...(config.protected ?? [])]),
    ],
    image: dockerfile === undefined ? (image ?? detected.image) : undefined,
    dockerfile,
    env,
    limits: { memoryMb: memory, cpus, diskMb: disk },
    tools: detected.tools,
    services,
    network: { setup: hosts("setup"), research: hosts("research") },
    isolation: {
      runtime: strict("gvisor", isolation?.runtime, user?.isolation.runtime),
      userns: strict("required", isolation?.userns, user?.isolation.userns),
    },
    verification: config.verification,
    from: { gates: gatesFrom, setup: setupFrom },
  });
};

/** A run's cap, and the file that lowered it: a repository may tighten what a person gives, never raise it. */
export const resolveBudget = (from: {
  /** what the person asked for on the command line */
  asked?: Pico | undefined;
  spec: Pick<SpecDocument, "budget">;
  config: Pick<RepoConfig, "budget">;
}): { budget: Pico; loweredBy?: string } => {
  const given = from.asked ?? from.spec.budget ?? DEFAULT_BUDGET;
  const limit = from.config.budget;
  return limit !== undefined && limit < given
    ? { budget: limit, loweredBy: CONFIG_FILE }
    : { budget: given };
};
