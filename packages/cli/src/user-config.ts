import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Isolation, NetworkPolicy, type PriceBook, UserError } from "@headrace/domain";
import { readCredentials, readFields, readNamedCredentials } from "@headrace/intake";
import { createPriceBook, PRICES, PriceRow, type Routing } from "@headrace/models";
import type { PrivateRegistry } from "@headrace/sandbox";
import { z } from "zod";
import { AskFields } from "./consent.ts";
import { collectorSecrets, TelemetryFields } from "./factory/telemetry.ts";
import { checkReferences, MODEL_FIELDS, routingOf } from "./user-config-models.ts";
import {
  credentialOf,
  fingerprintOf,
  type Provider,
  resolveProviders,
} from "./user-config-providers.ts";
import { Registries, withCredential } from "./user-config-registries.ts";

/** The person's own configuration in a data directory. */
export const userConfigFile = (dataDir: string): string => join(dataDir, "config.yaml");

/** `config.yaml` in the data directory: the installation's own settings, never a repository's. */
const UserConfig = z
  .strictObject({
    ...MODEL_FIELDS,
    /** added to the built-in table; later rows win */
    prices: z.array(PriceRow).max(1000).default([]),
    sandbox: z.enum(["docker", "bubblewrap"], "expected docker or bubblewrap").default("docker"),
    network: NetworkPolicy.strict().prefault({}),
    isolation: Isolation.strict().prefault({}),
    /** environments that are kept: those asked for longest ago go first */
    images: z
      .strictObject({
        maxGb: z.number("expected a number of gigabytes").min(1).max(10_000).optional(),
        maxAgeDays: z.number("expected a number of days").min(1).max(3650).optional(),
      })
      .prefault({}),
    /** what of the engine's disk no sandbox gets */
    disk: z
      .strictObject({
        reserveGb: z.number("expected a number of gigabytes").min(0.1).max(10_000).optional(),
      })
      .prefault({}),
    registries: Registries.default([]),
    /** above what a person is asked before a plan is built */
    ask: AskFields.prefault({}),
    telemetry: TelemetryFields.optional(),
  })
  .superRefine((config, context) => {
    checkReferences(config, (path, message) => context.addIssue({ code: "custom", path, message }));
  });
type UserConfig = z.infer<typeof UserConfig>;

const TABLE = {
  schema: UserConfig satisfies z.ZodType<UserConfig>,
  examples: {
    providers:
      "providers:\n  spare: { kind: openrouter }\n  box: { kind: compatible, url: http://127.0.0.1:8080 }",
    models: "models:\n  sonnet: { provider: anthropic, id: claude-sonnet-5 }",
    routes:
      "routes:\n  coder: [sonnet, { model: opus, effort: low }]\n  reviewer: { models: [opus, sonnet], differFrom: coder }",
    overrides: "overrides:\n  - { task: docs-*, role: coder, models: [haiku] }",
    budgets: "budgets:\n  day: 50\n  task: 5",
    ask: "ask:\n  above: 10\n  tasks: 12",
    telemetry: "telemetry:\n  otlp: http://127.0.0.1:4318",
    prices: "prices:\n  - { model: local-llm, input: 0.5, output: 1 }",
    sandbox: "sandbox: docker",
    network: "network:\n  setup: [downloads.example.com]\n  research: [docs.example.com]",
    isolation: "isolation:\n  runtime: gvisor",
    disk: "disk:\n  reserveGb: 5",
    images: "images:\n  maxGb: 20\n  maxAgeDays: 30",
    registries:
      "registries:\n  - name: company\n    kind: npm\n    url: https://npm.example.com/\n    scopes: ['@company']\n    credential: COMPANY_NPM_TOKEN",
  },
  unsupported: {},
};

/** Throws `UserError` naming file, line, field and remedy; an absent file is an empty one. */
const readUserConfig = async (dataDir: string): Promise<UserConfig> => {
  const file = userConfigFile(dataDir);
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw new UserError(
      `${file}: cannot be read (${cause.code})`,
      "Make it readable or remove it.",
      { cause },
    );
  });
  return readFields<UserConfig>({ file, text, firstLine: 1 }, TABLE);
};

/** What this installation is set to, with the credentials it names; nothing of it comes from a repository. */
export type Installation = {
  config: UserConfig;
  prices: PriceBook;
  /** of models */
  providers: ReadonlyMap<string, Provider>;
  routing: Routing;
  /** of all that decides how a run calls models */
  fingerprint: string;
  registries: PrivateRegistry[];
  /** values that nothing written or printed may hold */
  secrets: string[];
};

/** Reads `config.yaml` and every credential; throws `UserError` where one that a registry names is not to be found. */
export const readInstallation = async (from: {
  env: NodeJS.ProcessEnv;
  dataDir: string;
}): Promise<Installation> => {
  const config = await readUserConfig(from.dataDir);
  const file = userConfigFile(from.dataDir);
  const fields = config.providers ?? {};
  const names = [
    ...config.registries.flatMap(({ credential }) => credential ?? []),
    ...Object.values(fields).flatMap((provider) => credentialOf(provider) ?? []),
  ];
  const credentials = await readCredentials({ ...from, names });
  const named = await readNamedCredentials({ ...from, names });
  const registries = config.registries.map((registry, i) => {
    const { credential } = registry;
    if (credential !== undefined && !named.has(credential))
      throw new UserError(
        `${file}: registries[${i}].credential: ${credential} is not set`,
        `Set it in the environment, or write the line ${credential}=... to ${join(from.dataDir, "credentials")} (mode 0600).`,
      );
    return withCredential(registry, credential === undefined ? undefined : named.get(credential));
  });
  const providers = resolveProviders({ file, fields, credentials, named });
  const { models, routes, overrides, budgets, prices } = config;
  const keys = [credentials.apiKey, ...[...providers.values()].map(({ apiKey }) => apiKey)];
  return {
    config,
    prices: createPriceBook([...PRICES, ...prices]),
    providers,
    routing: routingOf(config),
    fingerprint: fingerprintOf(providers, { models, routes, overrides, budgets, prices }),
    registries,
    secrets: [
      ...new Set([
        ...keys.filter((key) => key !== undefined),
        ...collectorSecrets(config.telemetry, from.env),
        // of a basic credential the password alone, too
        ...[...named.values()].flatMap((value) => [value, value.slice(value.indexOf(":") + 1)]),
        ...registries.flatMap(({ authorization }) => authorization?.replace(/^\w+ /, "") ?? []),
      ]),
    ],
  };
};
