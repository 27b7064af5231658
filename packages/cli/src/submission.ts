import { resolve } from "node:path";
import {
  formatUsd,
  type Guidance,
  type MergeSettings,
  type ModelChoice,
  type Pico,
  type Policy,
  type SourceRepo,
  type SourceState,
  type Submission,
} from "@headrace/domain";
import {
  CONFIG_FILE,
  collectGuidance,
  type Detected,
  detect,
  type KnownImages,
  looseningOf,
  packageHostNotes,
  type RepoConfig,
  readConfig,
  readSpec,
  resolveBudget,
  resolvePolicy,
  type SpecDocument,
  type Tree,
  treeAt,
  withCanaries,
  withExclusions,
} from "@headrace/intake";
import { unusedConfig } from "./checkout-config.ts";
import type { DataDir } from "./data-dir.ts";
import { requireKeys } from "./factory/provider-clients.ts";
import { baseVersions } from "./machine/base-image.mjs";
import { readPlan, refuseUnbuildable } from "./plan-file.ts";
import { requireConsent } from "./repo-consent.ts";
import { parseTokens } from "./tokens.ts";
import { parseUsd } from "./usd.ts";
import type { Installation } from "./user-config.ts";

export type Request = {
  spec: string;
  budget: string | undefined;
  budgetTokens: string | undefined;
  model: string | undefined;
  plan: string | undefined;
  notify: string | undefined;
};

export type Prepared = {
  submission: Submission;
  source: SourceState;
  notes: string[];
};

/** What is looked at to make a policy, and who says what may be opened. */
export type Ground = {
  repo: SourceRepo;
  /** of the repository */
  path: string;
  bare: boolean;
  base: string;
  data: DataDir;
  installation: Pick<Installation, "config">;
  /** names that the repository's file may use; any, where its routes do not matter */
  models?: readonly string[];
  allowRepoConfig: boolean;
  /** of the engine that sandboxes run on */
  knownImages: KnownImages;
};

/** What a repository says of itself at the commit a run starts from, within what the person allows. */
export const policyAt = async (
  ground: Ground,
  spec: Pick<SpecDocument, "gates" | "setup" | "protected">,
): Promise<{
  policy: Policy;
  guidance: Guidance[];
  budget: Pico | undefined;
  merge: MergeSettings | undefined;
  routes: RepoConfig["routes"];
  notes: string[];
}> => {
  const tree = treeAt(ground.repo, ground.base);
  const config = await readConfig(tree, ground.models);
  const { data, path, knownImages, allowRepoConfig: allowed } = ground;
  const asks = await looseningOf(config, tree, knownImages);
  await requireConsent({ data, path, asks, allowed });
  // an image that is named brings its own versions
  const { image, dockerfile } = config.sandbox ?? {};
  const detected = await detect(tree, (image ?? dockerfile) ? undefined : baseVersions());
  const policy = resolvePolicy({
    spec: { ...spec, gates: await finished(tree, spec.gates) },
    config: { ...config, gates: await finished(tree, config.gates) },
    detected,
    user: ground.installation.config,
  });
  return {
    policy,
    guidance: await collectGuidance(tree),
    budget: config.budget,
    merge: config.merge,
    routes: config.routes,
    notes: [
      ...(await unusedConfig(ground.repo, ground, ground.base)),
      ...detected.notes,
      ...toolsMissing(policy, detected),
      ...(await packageHostNotes(tree, reachable(ground, policy))),
    ],
  };
};

/** Gates with what the commit's files say of them. */
const finished = async (tree: Tree, gates: SpecDocument["gates"]) =>
  withExclusions(tree, await withCanaries(tree, gates));

/** Hosts that packages may come from besides the public registries. */
const reachable = ({ installation }: Ground, { network }: Policy): string[] => [
  ...installation.config.registries.map(({ url }) => new URL(url).host),
  ...network.setup,
];

/** Set-up that a person wrote is not added to; what it leaves out of the versions the repository asks for is told. */
const toolsMissing = (policy: Policy, detected: Detected): string[] => {
  const command = detected.setup.find((one) => one.startsWith("npm install --global"));
  const theirs =
    policy.from.setup !== "detected" && !policy.setup.some((c) => c.includes("--global"));
  return command === undefined || !theirs
    ? []
    : [
        `setup does not install the tools the repository asks for, so the image's own run (Node ${baseVersions().node}); its first command could be: ${command}`,
      ];
};

/** Everything about the spec, the flags and the model that can be wrong, before a repository is looked at. */
export const readRequest = async (request: Request, cwd: string, installation: Installation) => {
  const spec = await readSpec(resolve(cwd, request.spec));
  const asked = request.budget === undefined ? undefined : parseUsd(request.budget, "--budget");
  const tokens =
    request.budgetTokens === undefined
      ? undefined
      : parseTokens(request.budgetTokens, "--budget-tokens");
  const model = modelChoice(request.model, cwd);
  if (model.kind === "provider") requireKeys(installation, model.model);
  const plan = request.plan === undefined ? undefined : await readPlan(resolve(cwd, request.plan));
  return { spec, asked, tokens, model, plan };
};

export const prepareSubmission = async (
  request: Request,
  read: Awaited<ReturnType<typeof readRequest>>,
  ground: Omit<Ground, "path" | "bare" | "base" | "models"> & { installation: Installation },
): Promise<Prepared> => {
  const { repo, installation } = ground;
  const { spec, asked, tokens, model, plan } = read;
  // a model for every role outranks what a repository names, and a simulator has models of its own
  const routed = model.kind === "provider" && model.model === undefined;
  const source = await repo.inspect();
  const base = spec.base === undefined ? source.head : await repo.resolve(spec.base);
  const {
    policy,
    guidance,
    budget: limit,
    merge,
    notes,
    routes,
  } = await policyAt(
    {
      ...ground,
      ...{ path: source.path, bare: source.bare, base },
      ...(routed ? { models: [...installation.routing.models.keys()] } : {}),
    },
    spec,
  );
  if (plan !== undefined) refuseUnbuildable(plan, { spec, policy });
  const { budget, loweredBy } = resolveBudget({ asked, spec, config: { budget: limit } });
  const submission: Submission = {
    title: spec.title,
    spec: spec.text,
    requirements: spec.requirements,
    constraints: spec.constraints,
    base,
    repo: { path: source.path, name: source.name },
    policy,
    guidance,
    budget,
    ...(merge === undefined ? {} : { merge }),
    model,
    ...(model.kind === "provider" ? { credentials: installation.fingerprint } : {}),
    ...(routed && routes !== undefined ? { routes } : {}),
    ...(tokens === undefined ? {} : { limits: { tokens } }),
    ...(plan === undefined ? {} : { plan: plan.proposal }),
    ...(request.notify === undefined ? {} : { notify: request.notify }),
  };
  return {
    submission,
    source,
    notes: [
      ...notes,
      ...(routes !== undefined && model.kind === "provider" && !routed ? [UNUSED_ROUTES] : []),
      ...budgetNotes(limit, budget, loweredBy),
    ],
  };
};

const UNUSED_ROUTES = `${CONFIG_FILE}: its routes are not used: --model names one model for every role`;

/** A repository's file may tighten a budget; one that asks for more is told of and changes nothing. */
const budgetNotes = (
  limit: Pico | undefined,
  budget: Pico,
  loweredBy: string | undefined,
): string[] => {
  if (loweredBy !== undefined) return [`the budget is lowered by ${loweredBy}`];
  if (limit === undefined || limit <= budget) return [];
  return [
    `${CONFIG_FILE} asks for a budget of ${formatUsd(limit)}: only --budget and the spec can raise it`,
  ];
};

const modelChoice = (name: string | undefined, cwd: string): ModelChoice => {
  if (name === undefined) return { kind: "provider" };
  if (name.startsWith("script:"))
    return { kind: "script", file: resolve(cwd, name.slice("script:".length)) };
  if (name.startsWith("relay:"))
    return { kind: "relay", dir: resolve(cwd, name.slice("relay:".length)) };
  return { kind: "provider", model: name };
};
