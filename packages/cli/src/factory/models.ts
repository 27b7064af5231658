import { readFile } from "node:fs/promises";
import {
  type Clock,
  type ModelChoice,
  type ModelClient,
  type PinnedRoutes,
  PRODUCT,
  type PriceBook,
  UserError,
} from "@headrace/domain";
import type { Credentials } from "@headrace/intake";
import {
  checkProvider,
  createModelClient,
  MODEL_TIMEOUTS,
  type ModelTimeouts,
  resolveRoutes,
} from "@headrace/models";
import { type Simulator, type SimulatorMode, startSimulator } from "@headrace/simulator";

/** Behind a relay a person may take a day for a reply; the simulator's pings show all the while that it is alive. */
const RELAY_WAIT_MS = 24 * 60 * 60_000;
const RELAY_TIMEOUTS: ModelTimeouts = { ...MODEL_TIMEOUTS, totalMs: RELAY_WAIT_MS + 60_000 };

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
  /** the text of each script as it was last submitted */
  const played = new Map<string, string>();
  /** their calls under way come to an end */
  const retired: Promise<Simulator>[] = [];

  const simulator = (mode: SimulatorMode): Promise<Simulator> => {
    const key = mode.kind === "script" ? `script:${mode.file}` : `relay:${mode.dir}`;
    const known = simulators.get(key);
    if (known) return known;
    const started = startSimulator({ mode });
    simulators.set(key, started);
    // a script that cannot be read must not be remembered: the person mends it and submits again
    started.catch(() => simulators.delete(key));
    return started;
  };

  /** Plays a script anew that was edited since; one that cannot be read leaves earlier runs of it alone. */
  const reread = async (choice: Extract<ModelChoice, { kind: "script" }>): Promise<void> => {
    const text = await readFile(choice.file, "utf8").catch(() => undefined);
    if (text !== undefined && text === played.get(choice.file)) return;
    const fresh = startSimulator({ mode: choice });
    await fresh;
    const old = simulators.get(`script:${choice.file}`);
    if (old) retired.push(old);
    simulators.set(`script:${choice.file}`, fresh);
    if (text !== undefined) played.set(choice.file, text);
  };

  const client = async (choice: ModelChoice): Promise<ModelClient> => {
    if (choice.kind === "script") {
      const { url, apiKey } = await simulator(choice);
      return createModelClient({ baseUrl: url, apiKey });
    }
    if (choice.kind === "relay") {
      const { url, apiKey } = await simulator({ ...choice, waitMs: RELAY_WAIT_MS });
      return createModelClient({ baseUrl: url, apiKey, timeouts: RELAY_TIMEOUTS });
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
          `Run \`${PRODUCT} stop\` when its work is done, then submit again.`,
        );
      }
      if (choice.kind === "script") await reread(choice);
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
      for (const started of [...simulators.values(), ...retired])
        await (await started.catch(() => undefined))?.close();
    },
  };
};

export const NO_KEY =
  "Set ANTHROPIC_API_KEY, or write the line ANTHROPIC_API_KEY=... to `credentials` in the data directory (mode 0600), or see a run without a key: npm run demo.";
