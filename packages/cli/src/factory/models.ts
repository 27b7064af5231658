import {
  type Clock,
  type ModelChoice,
  type ModelClient,
  type PinnedRoutes,
  type PriceBook,
  UserError,
} from "@headrace/domain";
import type { Credentials } from "@headrace/intake";
import { checkProvider, createModelClient, resolveRoutes } from "@headrace/models";
import { type Simulator, startSimulator } from "@headrace/simulator";

/** Model clients of a factory: the provider's, and one simulator per script file or relay folder. */
export interface Models extends AsyncDisposable {
  /** Checks key and models with one free request and pins every role's model. */
  admit(choice: ModelChoice, fingerprint: string | undefined): Promise<PinnedRoutes>;
  client(choice: ModelChoice): Promise<ModelClient>;
}

export const createModels = (options: {
  credentials: Credentials | undefined;
  prices: PriceBook;
  clock: Clock;
}): Models => {
  const { credentials, prices, clock } = options;
  const simulators = new Map<string, Promise<Simulator>>();

  const simulator = (choice: Exclude<ModelChoice, { kind: "provider" }>): Promise<Simulator> => {
    const key = choice.kind === "script" ? `script:${choice.file}` : `relay:${choice.dir}`;
    const known = simulators.get(key);
    if (known) return known;
    const started = startSimulator({ mode: choice });
    simulators.set(key, started);
    // a script that cannot be read must not be remembered: the person mends it and submits again
    started.catch(() => simulators.delete(key));
    return started;
  };

  const client = async (choice: ModelChoice): Promise<ModelClient> => {
    if (choice.kind !== "provider") {
      const { url, apiKey } = await simulator(choice);
      return createModelClient({ baseUrl: url, apiKey });
    }
    if (credentials === undefined) throw new UserError("no API key", NO_KEY);
    const { apiKey, baseUrl } = credentials;
    return createModelClient({ apiKey, ...(baseUrl === undefined ? {} : { baseUrl }) });
  };

  return {
    client,
    async admit(choice, fingerprint) {
      if (choice.kind === "provider" && fingerprint !== credentials?.fingerprint) {
        throw new UserError(
          "the background factory was started with another API key or base URL than this shell has",
          "Run `headrace stop` when its work is done, then submit again.",
        );
      }
      const available = await checkProvider(await client(choice));
      const override = choice.kind === "provider" ? choice.model : undefined;
      return resolveRoutes({
        available,
        priceBook: prices,
        at: clock.now(),
        ...(override === undefined ? {} : { override }),
      });
    },
    async [Symbol.asyncDispose]() {
      for (const started of simulators.values())
        await (await started.catch(() => undefined))?.close();
    },
  };
};

export const NO_KEY =
  "Set ANTHROPIC_API_KEY, or write it to `credentials` in the data directory (mode 0600), or see a run without a key: npm run demo.";
