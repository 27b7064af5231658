import {
  type BudgetLimits,
  type Clock,
  type ModelChoice,
  type ModelClient,
  ModelFailure,
  type PinnedRoutes,
  PRODUCT,
  type RouteOverride,
  type Submission,
  UserError,
} from "@headrace/domain";
import {
  checkProvider,
  createModelClient,
  providersOf,
  type RouteRequest,
  resolveRoutes,
} from "@headrace/models";
import type { Installation } from "../user-config.ts";
import type { Provider } from "../user-config-providers.ts";
import { createSimulators } from "./simulators.ts";

type Asked = Pick<Submission, "model" | "credentials" | "routes" | "limits">;

/** What a run may use and spend; `notes` are of what is amiss and does not stop it. */
type Admitted = {
  routes: PinnedRoutes;
  overrides: RouteOverride[];
  limits: BudgetLimits;
  notes: string[];
};

/** Model clients of a factory: its providers', and one simulator per script file or relay folder. */
export interface Models extends AsyncDisposable {
  /**
   * Checks keys and models with one free request for each provider in use, and pins every role's route. A provider that
   * is only fallen back on may fail to answer.
   */
  admit(asked: Asked): Promise<Admitted>;
  /** Throws `UserError` for a provider that is not configured, or has no key. */
  client(choice: ModelChoice, provider: string): Promise<ModelClient>;
}

/** Refuses a provider without the key that it needs. */
const requireKey = ({ keyless }: Provider): void => {
  if (keyless !== undefined) throw keyless;
};

/** Refuses a run without the keys of the providers that its routes lead to, before anything else is looked at. */
export const requireKeys = (
  { providers, routing }: Pick<Installation, "providers" | "routing">,
  only: string | undefined,
): void => {
  for (const id of providersOf({ routing, only }).keys()) {
    const provider = providers.get(id);
    if (provider !== undefined) requireKey(provider);
  }
};

const clientOf = (provider: Provider): ModelClient => {
  requireKey(provider);
  const { url, apiKey, auth } = provider;
  return createModelClient({
    auth,
    ...(url === undefined ? {} : { baseUrl: url }),
    ...(apiKey === undefined ? {} : { apiKey }),
  });
};

/** What a provider lists; nothing where it is one of those that do not. */
const offersOf = async ({ kind, settings }: Provider, client: ModelClient): Promise<string[]> => {
  try {
    return await checkProvider(client, settings);
  } catch (error) {
    const { cause } = error as Error;
    const silent = cause instanceof ModelFailure && cause.facts.class === "gone";
    if (kind === "compatible" && silent) return [];
    throw error;
  }
};

export const createModels = (options: {
  installation: Pick<Installation, "providers" | "routing" | "fingerprint" | "config" | "prices">;
  clock: Clock;
}): Models => {
  const { providers, routing, fingerprint, config, prices } = options.installation;
  const simulators = createSimulators();
  const clients = new Map<string, ModelClient>();

  const providerNamed = (id: string): Provider => {
    const known = providers.get(id);
    if (known !== undefined) return known;
    throw new UserError(
      `the model provider ${id} is not configured any more`,
      `Name it under \`providers\` in config.yaml as it was, then \`${PRODUCT} stop\` and resume the run.`,
    );
  };
  const client = async (choice: ModelChoice, id: string): Promise<ModelClient> => {
    if (choice.kind !== "provider") return await simulators.client(choice);
    const made = clients.get(id) ?? clientOf(providerNamed(id));
    clients.set(id, made);
    return made;
  };

  /** Asks every provider of the routes at once; what a fallback's trouble is becomes a note. */
  const ask = async (request: RouteRequest) => {
    const offers = new Map<string, string[]>();
    const notes: string[] = [];
    const inUse = [...providersOf(request)].map(([id, use]) => ({
      provider: providerNamed(id),
      use,
    }));
    for (const { provider } of inUse) requireKey(provider);
    await Promise.all(
      inUse.map(async ({ provider, use }) => {
        try {
          const asked = await client({ kind: "provider" }, provider.id);
          offers.set(provider.id, await offersOf(provider, asked));
        } catch (error) {
          if (use === "needed" || !(error instanceof UserError)) throw error;
          notes.push(`${provider.id}, which is fallen back on: ${error.problem}`);
        }
      }),
    );
    return { offers, notes };
  };

  /** The person's routes, of what their providers offer. */
  const ofProviders = async (only: string | undefined, asked: Asked) => {
    const request = { routing, only, repository: asked.routes };
    const { offers, notes } = await ask(request);
    return { request, offers, notes };
  };

  /** Those of a run without a configuration, of what the simulator offers in a provider's place. */
  const ofSimulator = async (choice: Exclude<ModelChoice, { kind: "provider" }>) => {
    if (choice.kind === "script") await simulators.reread(choice);
    const offers = new Map([[choice.kind, await checkProvider(await simulators.client(choice))]]);
    const none = { models: new Map(), routes: {}, overrides: [], provider: choice.kind };
    return { request: { routing: none }, offers, notes: [] };
  };

  return {
    client,
    async admit(asked) {
      const { model } = asked;
      if (model.kind === "provider" && asked.credentials !== fingerprint)
        throw new UserError(
          "the background factory was started with other keys, addresses or another config.yaml than this shell has",
          `Run \`${PRODUCT} stop\` when its work is done, then submit again.`,
        );
      const limits = { ...config.budgets, ...asked.limits };
      const { request, offers, notes } =
        model.kind === "provider"
          ? await ofProviders(model.model, asked)
          : await ofSimulator(model);
      const resolved = resolveRoutes({
        ...request,
        ...{ offers, priceBook: prices, at: options.clock.now() },
        unpriced: limits.tokens !== undefined,
      });
      return { ...resolved, limits, notes: [...notes, ...resolved.notes] };
    },
    [Symbol.asyncDispose]: () => simulators[Symbol.asyncDispose](),
  };
};
