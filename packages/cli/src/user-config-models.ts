import {
  type Candidate,
  Capability,
  DEFAULT_PROVIDER,
  Effort,
  globProblem,
  Id,
  Role,
} from "@headrace/domain";
import { Usd } from "@headrace/intake";
import { factsOf, type NamedRoute, type Routing } from "@headrace/models";
import { z } from "zod";
import { address, variable } from "./user-config-fields.ts";

const whole = (what: string) =>
  z.number(`expected ${what}`).int(`expected ${what}`).positive(`expected ${what}`);

/** A name of a model in this file and in headrace.yaml. */
const Name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,47}$/,
    "expected a name of small letters, digits, dots and dashes",
  );

export const ProviderFields = z
  .strictObject({
    kind: z.enum(
      ["anthropic", "openrouter", "compatible"],
      "expected anthropic, openrouter or compatible",
    ),
    url: address
      .refine(
        (url) => !/\/v1(?:\/messages)?\/*$/.test(url),
        "expected the part of the address before /v1/messages",
      )
      .optional(),
    credential: variable.optional(),
    auth: z.enum(["x-api-key", "bearer"], "expected x-api-key or bearer").optional(),
  })
  .superRefine(({ kind, url }, context) => {
    if (kind === "compatible" && url === undefined)
      context.addIssue({
        code: "custom",
        path: ["url"],
        message: "expected the address of the endpoint, the part before /v1/messages",
      });
  });
export type ProviderFields = z.infer<typeof ProviderFields>;

const ModelFields = z.strictObject({
  provider: z.string("expected a provider's name"),
  id: z.string("expected the id that the provider knows it by").min(1).max(200),
  pool: Id.optional(),
  window: whole("a number of tokens").max(100_000_000).optional(),
  capabilities: z
    .array(z.enum(Capability.options, `expected ${Capability.options.join(", ")}`))
    .optional(),
  maxOutput: whole("a number of tokens").optional(),
});

const Entry = z.union(
  [
    z.string(),
    z.strictObject({
      model: z.string("expected a model's name"),
      effort: z.enum(Effort.options, `expected ${Effort.options.join(", ")}`).optional(),
      maxOutput: whole("a number of tokens").optional(),
    }),
  ],
  "expected a model's name",
);
/** One name stands for a list of it. */
const listed = (given: unknown): unknown => (typeof given === "string" ? [given] : given);
const Entries = z.preprocess(
  listed,
  z
    .array(Entry, "expected a model's name or a list of them")
    .min(1, "expected at least one model")
    .max(10, "expected at most 10 models"),
);

const RouteFields = {
  models: Entries,
  needs: z
    .array(z.enum(Capability.options, `expected ${Capability.options.join(", ")}`))
    .default([]),
  order: z.enum(["listed", "cheapest"], "expected listed or cheapest").default("listed"),
  differFrom: z.enum(Role.options, `expected a role: ${Role.options.join(", ")}`).optional(),
};
const RouteOf = z.union(
  [Entries, z.strictObject(RouteFields)],
  "expected a model's name or a list of them",
);
type RouteOf = z.infer<typeof RouteOf>;

const Override = z.strictObject({
  task: z
    .string("expected a glob such as docs-*")
    .max(100)
    .superRefine((glob, context) => {
      const problem = globProblem(glob);
      if (problem !== undefined) context.addIssue(`expected a glob, but it ${problem}`);
    }),
  role: z.enum(Role.options, `expected a role: ${Role.options.join(", ")}`),
  ...RouteFields,
});

/** Which providers there are, which of their models are used, and what they may cost. */
export const MODEL_FIELDS = {
  providers: z.record(Id, ProviderFields).optional(),
  models: z.record(Name, ModelFields).default({}),
  routes: z
    .strictObject({
      planner: RouteOf.optional(),
      researcher: RouteOf.optional(),
      coder: RouteOf.optional(),
      reviewer: RouteOf.optional(),
      merger: RouteOf.optional(),
    } satisfies Record<Role, typeof RouteOf | z.ZodOptional<typeof RouteOf>>)
    .prefault({}),
  overrides: z.array(Override).max(100).default([]),
  budgets: z
    .strictObject({
      total: Usd.optional(),
      day: Usd.optional(),
      hour: Usd.optional(),
      task: Usd.optional(),
      attempt: Usd.optional(),
      tokens: whole("a number of tokens").optional(),
      tasks: whole("a number of tasks").optional(),
    })
    .prefault({}),
};
const ModelConfig = z.object(MODEL_FIELDS);
export type ModelConfig = z.infer<typeof ModelConfig>;

/** The providers of a configuration: its own, else the one that the environment describes. */
const providerNames = ({ providers }: Pick<ModelConfig, "providers">): string[] => {
  const own = Object.keys(providers ?? {});
  return own.length === 0 ? [DEFAULT_PROVIDER] : own;
};

const candidateOf = ({ provider, id, ...own }: z.infer<typeof ModelFields>): Candidate => {
  const { pool, window, capabilities } = factsOf(id);
  return {
    provider,
    model: id,
    pool: own.pool ?? pool,
    window: own.window ?? window,
    capabilities: own.capabilities ?? capabilities,
    ...(own.maxOutput === undefined ? {} : { maxOutput: own.maxOutput }),
  };
};

const entryOf = (entry: z.infer<typeof Entry>) =>
  typeof entry === "string" ? { model: entry } : entry;

const routeOf = (given: RouteOf): NamedRoute => {
  const { models, ...rules } = Array.isArray(given)
    ? { models: given, needs: [], order: "listed" as const }
    : given;
  return { ...rules, models: models.map(entryOf) };
};

const routesOf = ({ routes }: ModelConfig): [Role, RouteOf][] =>
  Role.options.flatMap((role) => (routes[role] === undefined ? [] : [[role, routes[role]]]));

/** Models and routes as a run is resolved from them. */
export const routingOf = (config: ModelConfig): Routing => ({
  models: new Map(Object.entries(config.models).map(([name, model]) => [name, candidateOf(model)])),
  routes: Object.fromEntries(routesOf(config).map(([role, route]) => [role, routeOf(route)])),
  overrides: config.overrides.map(({ task, role, ...route }) => ({
    ...routeOf(route),
    task,
    role,
  })),
  provider: providerNames(config)[0] ?? DEFAULT_PROVIDER,
});

type Path = (string | number)[];
type Say = (path: Path, message: string) => void;

/** What a route's entries name, and whether a model can do what is asked of it. */
const checkEntries = (given: RouteOf, path: Path, config: ModelConfig, say: Say): void => {
  const entries = Array.isArray(given) ? given : given.models;
  const at = Array.isArray(given) ? path : [...path, "models"];
  const names = entries.map((entry) => entryOf(entry).model);
  entries.forEach((entry, i) => {
    const field = typeof entry === "string" ? [...at, i] : [...at, i, "model"];
    const { model: name, ...how } = entryOf(entry);
    const model = Object.hasOwn(config.models, name) ? config.models[name] : undefined;
    if (model === undefined)
      say(
        field,
        `expected a name of \`models\` (${Object.keys(config.models).join(", ") || "none"})`,
      );
    else if (names.indexOf(name) < i) say(field, "expected each model once");
    else if ("effort" in how && !candidateOf(model).capabilities.includes("effort"))
      say([...at, i, "effort"], `expected none: ${name} is not a model with the capability effort`);
  });
};

/** Names that stand for nothing, told where they stand. */
export const checkReferences = (config: ModelConfig, say: Say): void => {
  const providers = providerNames(config);
  for (const [name, { provider }] of Object.entries(config.models))
    if (!providers.includes(provider))
      say(
        ["models", name, "provider"],
        `expected a name of \`providers\` (${providers.join(", ")})`,
      );
  for (const [role, route] of routesOf(config)) {
    checkEntries(route, ["routes", role], config, say);
    if (!Array.isArray(route) && route.differFrom === role)
      say(["routes", role, "differFrom"], "expected another role than its own");
  }
  config.overrides.forEach((override, i) => {
    checkEntries(override, ["overrides", i], config, say);
    if (override.differFrom === override.role)
      say(["overrides", i, "differFrom"], "expected another role than its own");
  });
};
