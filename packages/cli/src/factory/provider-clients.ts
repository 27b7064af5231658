import { type ModelClient, ModelFailure, PRODUCT, UserError } from "@headrace/domain";
import { checkProvider, createModelClient, providersOf, type RouteRequest } from "@headrace/models";
import type { Installation } from "../user-config.ts";
import type { Provider } from "../user-config-providers.ts";

/** Clients of an installation's providers. */
export interface ProviderClients {
  /** Throws `UserError` for a provider that is not configured, or lacks the key that it needs. */
  client(provider: string): ModelClient;
  /**
   * Asks every provider of a run's routes once what it offers; one that lists nothing is absent. What keeps a provider
   * that is only fallen back on from answering becomes a note.
   */
  offers(request: RouteRequest): Promise<{ offers: Map<string, string[]>; notes: string[] }>;
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

/** What a provider lists; undefined where it is one of those that list nothing. */
const listed = async (
  { kind, settings }: Provider,
  client: ModelClient,
): Promise<string[] | undefined> => {
  try {
    return await checkProvider(client, settings);
  } catch (error) {
    const { cause } = error as Error;
    const silent = cause instanceof ModelFailure && cause.facts.class === "gone";
    if (kind === "compatible" && silent) return undefined;
    throw error;
  }
};

export const createProviderClients = (providers: Installation["providers"]): ProviderClients => {
  const clients = new Map<string, ModelClient>();
  const named = (id: string): Provider => {
    const known = providers.get(id);
    if (known !== undefined) return known;
    throw new UserError(
      `the model provider ${id} is not configured any more`,
      `Name it under \`providers\` in config.yaml as it was, then \`${PRODUCT} stop\` and resume the run.`,
    );
  };
  const client = (id: string): ModelClient => {
    const made = clients.get(id) ?? clientOf(named(id));
    clients.set(id, made);
    return made;
  };
  return {
    client,
    async offers(request) {
      const inUse = [...providersOf(request)].map(([id, use]) => ({ provider: named(id), use }));
      for (const { provider } of inUse) requireKey(provider);
      const offers = new Map<string, string[]>();
      const notes: string[] = [];
      const ask = async ({ provider, use }: (typeof inUse)[number]): Promise<void> => {
        try {
          const ids = await listed(provider, client(provider.id));
          if (ids !== undefined) offers.set(provider.id, ids);
        } catch (error) {
          if (use === "needed" || !(error instanceof UserError)) throw error;
          notes.push(`${provider.id}, which is fallen back on: ${error.problem}`);
        }
      };
      await Promise.all(inUse.map(ask));
      return { offers, notes: notes.toSorted() };
    },
  };
};
