import {
  type BudgetLimits,
  type Clock,
  type ModelChoice,
  type ModelClient,
  type PinnedRoutes,
  PRODUCT,
  type RouteOverride,
  type Submission,
  UserError,
} from "@headrace/domain";
import { checkProvider, resolveRoutes } from "@headrace/models";
import type { Installation } from "../user-config.ts";
import { createProviderClients } from "./provider-clients.ts";
import { createSimulators } from "./simulators.ts";

type Asked = Pick<Submission, "model" | "credentials" | "routes" | "limits">;

/** What a run may use and spend; `notes` are of what is amiss and does not stop it. */
type Admitted = {
  routes: PinnedRoutes;
  overrides: RouteOverride[];
  limits: BudgetLimits;
  /** providers that listed their models */
  reached: string[];
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

export const createModels = (options: {
  installation: Pick<Installation, "providers" | "routing" | "fingerprint" | "config" | "prices">;
  clock: Clock;
}): Models => {
  const { providers, routing, fingerprint, config, prices } = options.installation;
  const simulators = createSimulators();
  const own = createProviderClients(providers);

  /** The person's routes, of what their providers offer. */
  const ofProviders = async (only: string | undefined, { routes, credentials }: Asked) => {
    if (credentials !== fingerprint)
      throw new UserError(
        "the background factory was started with other keys, addresses or another config.yaml than this shell has",
        `Run \`${PRODUCT} stop\` when its work is done, then submit again.`,
      );
    const request = { routing, only, repository: routes };
    return { request, ...(await own.offers(request)) };
  };

  /** Those of a run without a configuration, of what the simulator offers in a provider's place. */
  const ofSimulator = async (choice: Exclude<ModelChoice, { kind: "provider" }>) => {
    if (choice.kind === "script") await simulators.reread(choice);
    const offers = new Map([[choice.kind, await checkProvider(await simulators.client(choice))]]);
    const none = { models: new Map(), routes: {}, overrides: [], provider: choice.kind };
    return { request: { routing: none }, offers, notes: [] };
  };

  return {
    client: async (choice, provider) =>
      choice.kind === "provider" ? own.client(provider) : await simulators.client(choice),
    async admit(asked) {
      const { model } = asked;
      const { request, offers, notes } =
        model.kind === "provider"
          ? await ofProviders(model.model, asked)
          : await ofSimulator(model);
      const limits = { ...config.budgets, ...asked.limits };
      const resolved = resolveRoutes({
        ...request,
        ...{ offers, priceBook: prices, at: options.clock.now() },
        unpriced: limits.tokens !== undefined,
      });
      return {
        ...resolved,
        limits,
        reached: [...offers.keys()],
        notes: [...notes, ...resolved.notes],
      };
    },
    [Symbol.asyncDispose]: () => simulators[Symbol.asyncDispose](),
  };
};
