import { createHash } from "node:crypto";
import { DEFAULT_PROVIDER, UserError } from "@headrace/domain";
import { BEARER_TOKEN, type Credentials, checkedKey } from "@headrace/intake";
import type { ProviderFields } from "./user-config-models.ts";

/** An endpoint of the Messages API with what it takes to call it. Keys never leave the process that asks a model. */
export type Provider = {
  id: string;
  kind: ProviderFields["kind"];
  /** undefined: Anthropic's own */
  url: string | undefined;
  /** undefined: none is set, or none is needed */
  apiKey: string | undefined;
  auth: "x-api-key" | "bearer";
  /** names of the settings that key and address come from, for a person to mend them */
  settings: { key: string; url: string };
  /** what to say where the key that it needs is not set */
  keyless?: UserError;
};

const KINDS = {
  anthropic: { url: undefined, credential: "ANTHROPIC_API_KEY", auth: "x-api-key" },
  openrouter: {
    url: "https://openrouter.ai/api",
    credential: "OPENROUTER_API_KEY",
    auth: "bearer",
  },
  compatible: { url: undefined, credential: undefined, auth: "x-api-key" },
} as const;

/** The name of the variable with a provider's key; a compatible endpoint may need none. */
export const credentialOf = ({ kind, credential }: ProviderFields): string | undefined =>
  credential ?? KINDS[kind].credential;

/** One variable says by its name how its value is sent. */
const authOf = (variable: string | undefined): "bearer" | undefined =>
  variable === BEARER_TOKEN ? "bearer" : undefined;

const NO_KEY = new UserError(
  "there is no API key",
  "Set ANTHROPIC_API_KEY, or write the line ANTHROPIC_API_KEY=... to `credentials` in the data directory (mode 0600), or see a run without a key: npm run demo.",
);

const fromEnvironment = ({ apiKey, key, baseUrl }: Credentials): Provider => ({
  id: DEFAULT_PROVIDER,
  kind: "anthropic",
  url: baseUrl,
  apiKey,
  auth: authOf(key) ?? "x-api-key",
  settings: { key, url: "ANTHROPIC_BASE_URL" },
  ...(apiKey === undefined ? { keyless: NO_KEY } : {}),
});

type Sources = {
  /** the place of the configuration, for messages */
  file: string;
  fields: Readonly<Record<string, ProviderFields>>;
  /** of the environment */
  credentials: Credentials;
  named: ReadonlyMap<string, string>;
};

const configured = (id: string, fields: ProviderFields, from: Sources): Provider => {
  const { kind } = fields;
  const usual = KINDS[kind];
  // key and address of the environment belong together: with a key of its own, a provider has its kind's address
  const paired = kind === "anthropic" && fields.credential === undefined;
  const url = fields.url ?? (paired ? from.credentials.baseUrl : usual.url);
  const variable = paired ? from.credentials.key : credentialOf(fields);
  const named = variable === undefined ? undefined : from.named.get(variable);
  const value = paired ? from.credentials.apiKey : named;
  const place = `${from.file}: providers.${id}`;
  return {
    id,
    kind,
    url: url?.replace(/\/+$/, ""),
    apiKey: value === undefined ? undefined : checkedKey(value, variable ?? id),
    auth: fields.auth ?? authOf(variable) ?? usual.auth,
    settings: {
      key: variable ?? `the credential of providers.${id}`,
      url: fields.url === undefined && paired ? "ANTHROPIC_BASE_URL" : `providers.${id}.url`,
    },
    ...(variable === undefined || value !== undefined
      ? {}
      : {
          keyless: new UserError(
            `${place}: ${variable} is not set`,
            `Set it in the environment, or write the line ${variable}=... to \`credentials\` in the data directory (mode 0600).`,
          ),
        }),
  };
};

/** The providers of an installation by their ids, in the order of its configuration. */
export const resolveProviders = (from: Sources): ReadonlyMap<string, Provider> => {
  const own = Object.entries(from.fields).map(([id, fields]) => configured(id, fields, from));
  const providers = own.length === 0 ? [fromEnvironment(from.credentials)] : own;
  return new Map(providers.map((provider) => [provider.id, provider]));
};

/** Tells apart two installations that would call, route or hold a run differently, and gives no key away. */
export const fingerprintOf = (
  providers: ReadonlyMap<string, Provider>,
  settings: unknown,
): string => {
  const calls = [...providers.values()].map(({ id, url, apiKey, auth }) => [id, url, apiKey, auth]);
  return createHash("sha256")
    .update(JSON.stringify([calls, settings]))
    .digest("hex")
    .slice(0, 16);
};
