import {
  type Candidate,
  candidateKey,
  type PinnedRoutes,
  type PriceBook,
  type Role,
  type Route,
  type RouteOverride,
  UserError,
} from "@headrace/domain";
import { factsOf } from "./known-models.ts";
import { findOffered, listed, notOffered } from "./offers.ts";

type Tier = "strong" | "middle" | "small";

/**
 * Model families of each tier: a run takes the first one its key may use, and falls back on the others. The newest are
 * at the end: they changed what a request may hold, and nothing here has been tried on them.
 */
export const TIERS: Record<Tier, readonly string[]> = {
  strong: [
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-opus-5-5",
    "claude-opus-5",
  ],
  middle: ["claude-sonnet-5", "claude-sonnet-4-6", "claude-sonnet-5-5"],
  small: ["claude-haiku-4-5"],
};

const ROLE_TIERS: Record<Role, Tier> = {
  planner: "strong",
  researcher: "middle",
  coder: "middle",
  reviewer: "strong",
  merger: "strong",
};

const ROLES = Object.keys(ROLE_TIERS) as Role[];

/** A model that a person has configured, with how much of it one route uses. */
type RouteEntry = { model: string } & Pick<Candidate, "effort" | "maxOutput">;

/** A route as a person writes it: names of configured models, best first. */
export type NamedRoute = Omit<Route, "candidates"> & { models: RouteEntry[] };

/** What a person has configured of models and routes; names and references are known to fit together. */
export type Routing = {
  models: ReadonlyMap<string, Candidate>;
  routes: Partial<Record<Role, NamedRoute>>;
  overrides: readonly (NamedRoute & Pick<RouteOverride, "task" | "role">)[];
  /** the provider of roles without a route, and of a model that is named by its id */
  provider: string;
};

export type RouteRequest = {
  routing: Routing;
  /** `--model`: a configured name, or an id; it outranks every route */
  only?: string | undefined;
  /** names that the repository's own file asks for; each outranks the person's models of the role */
  repository?: Partial<Record<Role, readonly string[] | undefined>> | undefined;
};

/** A route on the way from names to candidates; `at` is the place that asks for it. */
type Draft = Omit<Route, "candidates"> & { role: Role; task?: string; at: string } & (
    | { candidates: Candidate[] }
    /** ids to look for at the provider of routes that name none; `any` takes all that are on offer */
    | { ids: readonly string[]; any: boolean }
  );

/** A reviewer who wrote the code itself overlooks what it overlooked then. */
const usual = (role: Role): Omit<Route, "candidates"> => ({
  needs: [],
  order: "listed",
  ...(role === "reviewer" ? { differFrom: "coder" as const } : {}),
});

const named = ({ models }: Routing, { model, effort, maxOutput }: RouteEntry): Candidate => {
  const known = models.get(model);
  if (known === undefined) throw unknownName(model, [...models.keys()]);
  const least = Math.min(
    maxOutput ?? Number.POSITIVE_INFINITY,
    known.maxOutput ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...known,
    ...(effort === undefined ? {} : { effort }),
    ...(Number.isFinite(least) ? { maxOutput: least } : {}),
  };
};

const unknownName = (name: string, names: readonly string[]): UserError =>
  new UserError(
    `${name} is not a model of config.yaml`,
    names.length === 0
      ? "Name it under `models` there, or name one model for every role with --model."
      : `Configured are ${names.join(", ")}. Name it under \`models\` there, or name one model for every role with --model.`,
  );

const draftOf = (role: Role, { routing, only, repository }: RouteRequest): Draft => {
  const own = routing.routes[role];
  const { models, ...rules } = own ?? { models: undefined, ...usual(role) };
  const asked = repository?.[role];
  if (only !== undefined) {
    const plain = { role, at: "--model", needs: [], order: "listed" as const };
    return routing.models.has(only)
      ? { ...plain, candidates: [named(routing, { model: only })] }
      : { ...plain, ids: [only], any: false };
  }
  if (asked !== undefined) {
    const candidates = asked.map((model) => named(routing, { model }));
    return { role, at: `headrace.yaml: routes.${role}`, ...rules, candidates };
  }
  if (models === undefined)
    return { role, at: `the ${role}`, ...rules, ids: TIERS[ROLE_TIERS[role]], any: true };
  const candidates = models.map((entry) => named(routing, entry));
  return { role, at: `routes.${role}`, ...rules, candidates };
};

const draftsOf = (request: RouteRequest): Draft[] => {
  const { routing, only } = request;
  const overrides = only === undefined ? routing.overrides : [];
  return [
    ...ROLES.map((role) => draftOf(role, request)),
    ...overrides.map(({ models, ...rules }, i) => ({
      ...rules,
      at: `overrides[${i}]`,
      candidates: models.map((entry) => named(routing, entry)),
    })),
  ];
};

/** Every provider that the routes of a run lead to; `needed` where one of them has nothing better. */
export const providersOf = (request: RouteRequest): Map<string, "needed" | "fallback"> => {
  const found = new Map<string, "needed" | "fallback">();
  for (const draft of draftsOf(request)) {
    const providers =
      "ids" in draft ? [request.routing.provider] : draft.candidates.map((c) => c.provider);
    providers.forEach((provider, i) => {
      if (i === 0 || !found.has(provider)) found.set(provider, i === 0 ? "needed" : "fallback");
    });
  }
  return found;
};

type Facts = RouteRequest & {
  /** ids by provider, as it lists them; what one offers that is absent is taken at the configuration's word */
  offers: ReadonlyMap<string, readonly string[]>;
  priceBook: PriceBook;
  at: Date;
  /** a token budget holds what no price does */
  unpriced?: boolean;
};

/** Candidates by their ids, as the provider spells them: of a tier all that are on offer. */
const searched = (
  draft: Extract<Draft, { ids: unknown }>,
  { routing, offers }: Facts,
): Candidate[] => {
  const { provider, models } = routing;
  const available = offers.get(provider) ?? (draft.any ? [] : draft.ids);
  const found = draft.ids.flatMap((id) => findOffered(id, available) ?? []);
  if (found.length > 0) return found.map((model) => ({ provider, model, ...factsOf(model) }));
  const [first = ""] = draft.ids;
  if (!draft.any)
    throw notOffered(`unknown model "${first}"`, first, { available, names: [...models.keys()] });
  throw new UserError(
    `no ${ROLE_TIERS[draft.role]} model is on offer: looked for ${draft.ids.join(", ")}`,
    `${listed(available)} Name one of them with --model, or give the ${draft.role} a route in config.yaml.`,
  );
};

/** The candidate as its provider spells it; a fallback that is not on offer is left out and told of. */
const offered = (
  draft: Draft,
  candidate: Candidate,
  { offers, needed }: Pick<Facts, "offers"> & { needed: boolean },
): { candidate: Candidate } | { note: string } => {
  const available = offers.get(candidate.provider);
  if (available === undefined) return { candidate };
  const model = findOffered(candidate.model, available);
  if (model !== undefined) return { candidate: { ...candidate, model } };
  const problem = `${draft.at}: ${candidate.provider} does not offer ${candidate.model}`;
  if (needed) throw notOffered(problem, candidate.model, { available });
  return { note: `${problem}, which is left out` };
};

/** Two names may lead to one model: its first place counts. */
const distinct = (candidates: readonly Candidate[]): Candidate[] => {
  const keys = candidates.map(candidateKey);
  return candidates.filter((_, i) => keys.indexOf(keys[i] ?? "") === i);
};

const routeOf = (draft: Draft, facts: Facts): { route: Route; notes: string[] } => {
  const found =
    "ids" in draft
      ? searched(draft, facts).map((candidate) => ({ candidate }))
      : draft.candidates.map((candidate, i) =>
          offered(draft, candidate, { ...facts, needed: i === 0 }),
        );
  const candidates = found.flatMap((one) => ("candidate" in one ? one.candidate : []));
  const { needs, order, differFrom } = draft;
  if (!candidates.some(({ capabilities }) => needs.every((need) => capabilities.includes(need))))
    throw new UserError(
      `${draft.at}: none of its models has all that it needs: ${needs.join(", ")}`,
      "Name a model that does, or correct its `capabilities` in config.yaml.",
    );
  return {
    route: {
      candidates: distinct(candidates),
      needs,
      order,
      ...(differFrom === undefined ? {} : { differFrom }),
    },
    notes: found.flatMap((one) => ("note" in one ? one.note : [])),
  };
};

const requirePrices = ({ candidates }: Route, { priceBook, at, unpriced = false }: Facts): void => {
  const without = candidates.find(
    ({ model }) => priceBook.worstCase(model, 1, 1, at) === undefined,
  );
  if (without === undefined || unpriced) return;
  throw new UserError(
    `no price is known for ${without.model}, so no budget could hold it`,
    `Add one under \`prices\` in config.yaml of the data directory: {model: ${without.model}, input: 3, output: 15} (USD per million tokens), or limit the run in tokens: --budget-tokens 20000000.`,
  );
};

/**
 * The routes of a run, resolved once at its submission. Throws `UserError` where a role is left without a model, the
 * first model of a route is not on offer, or one has no price.
 */
export const resolveRoutes = (
  facts: Facts,
): { routes: PinnedRoutes; overrides: RouteOverride[]; notes: string[] } => {
  const resolved = draftsOf(facts).map((draft) => ({ draft, ...routeOf(draft, facts) }));
  for (const { route } of resolved) requirePrices(route, facts);
  const [roles, tasks] = [resolved.slice(0, ROLES.length), resolved.slice(ROLES.length)];
  return {
    routes: Object.fromEntries(roles.map(({ draft, route }) => [draft.role, route])),
    overrides: tasks.map(({ draft: { task = "", role }, route }) => ({ task, role, route })),
    notes: [...new Set(resolved.flatMap(({ notes }) => notes))],
  };
};
