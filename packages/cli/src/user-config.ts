import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Isolation, NetworkPolicy, type PriceBook, UserError } from "@headrace/domain";
import {
  type Credentials,
  readCredentials,
  readFields,
  readNamedCredentials,
} from "@headrace/intake";
import { createPriceBook, PRICES, PriceRow } from "@headrace/models";
import { type PrivateRegistry, packagesProblem } from "@headrace/sandbox";
import { z } from "zod";

/** The person's own configuration in a data directory. */
export const userConfigFile = (dataDir: string): string => join(dataDir, "config.yaml");

const variable = z.string().regex(/^[A-Z_][A-Z0-9_]{0,99}$/, "expected a name such as NPM_TOKEN");

const Packages = z
  .array(
    z
      .string("expected a name such as company-*")
      .max(100)
      .superRefine((text, context) => {
        const problem = packagesProblem(text);
        if (problem !== undefined) context.addIssue(problem);
      }),
  )
  .min(1, "expected names: without `packages` the registry takes PyPI's place")
  .max(200);

const RegistryFields = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "expected letters, digits and dashes"),
  kind: z.enum(["npm", "pypi", "other"], "expected npm, pypi or other"),
  url: z
    .url({ protocol: /^https?$/, error: "expected an https address", abort: true })
    .refine(
      (url) => new URL(url).username === "" && new URL(url).password === "",
      "expected an address without user and password: name a credential",
    ),
  scopes: z
    .array(z.string().regex(/^@[a-z0-9-][a-z0-9._-]*$/, "expected a scope such as @company"))
    .max(50)
    .default([]),
  packages: Packages.optional(),
  credential: variable.optional(),
  auth: z.enum(["bearer", "basic"], "expected bearer or basic").default("bearer"),
  env: z.array(variable).max(20).default([]),
});
const Registry = RegistryFields.superRefine(({ kind, scopes, packages }, context) => {
  const wrong = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (kind !== "npm" && scopes.length > 0)
    wrong("scopes", "expected with kind npm only: a Python index has `packages`");
  if (kind !== "pypi" && packages !== undefined)
    wrong("packages", "expected with kind pypi only: an npm registry has `scopes`");
});
type Registry = z.infer<typeof Registry>;

/** `config.yaml` in the data directory: the installation's own settings, never a repository's. */
const UserConfig = z.strictObject({
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
  registries: z
    .array(Registry)
    .max(20)
    .superRefine((registries, context) => {
      const names = registries.map(({ name }) => name);
      const repeated = names.findIndex((name, i) => names.indexOf(name) !== i);
      if (repeated >= 0)
        context.addIssue({
          code: "custom",
          path: [repeated, "name"],
          message: "expected a name that no other registry has",
        });
    })
    .default([]),
});
type UserConfig = z.infer<typeof UserConfig>;

const TABLE = {
  schema: UserConfig satisfies z.ZodType<UserConfig>,
  examples: {
    prices: 'prices:\n  - { model: local-llm, input: "0.5", output: "1" }',
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
  /** of the model provider */
  credentials: Credentials | undefined;
  registries: PrivateRegistry[];
  /** values that nothing written or printed may hold */
  secrets: string[];
};

/** Reads `config.yaml` and every credential; throws `UserError` where one that it names is nowhere to be found. */
export const readInstallation = async (from: {
  env: NodeJS.ProcessEnv;
  dataDir: string;
}): Promise<Installation> => {
  const config = await readUserConfig(from.dataDir);
  const names = config.registries.flatMap(({ credential }) => credential ?? []);
  const credentials = await readCredentials({ ...from, names });
  const named = await readNamedCredentials({ ...from, names });
  const registries = config.registries.map((registry, i) => {
    const { credential } = registry;
    if (credential !== undefined && !named.has(credential))
      throw new UserError(
        `${userConfigFile(from.dataDir)}: registries[${i}].credential: ${credential} is not set`,
        `Set it in the environment, or write the line ${credential}=... to ${join(from.dataDir, "credentials")} (mode 0600).`,
      );
    return withCredential(registry, credential === undefined ? undefined : named.get(credential));
  });
  const authorizations = registries.flatMap(({ authorization }) => authorization ?? []);
  return {
    config,
    prices: createPriceBook([...PRICES, ...config.prices]),
    credentials,
    registries,
    secrets: [
      ...(credentials === undefined ? [] : [credentials.apiKey]),
      // of a basic credential the password alone, too
      ...[...named.values()].flatMap((value) => [value, value.slice(value.indexOf(":") + 1)]),
      ...authorizations.map((text) => text.replace(/^\w+ /, "")),
    ],
  };
};

const withCredential = (
  { name, kind, url, scopes, packages, auth, env }: Registry,
  value: string | undefined,
): PrivateRegistry => ({
  name,
  kind,
  url,
  scopes,
  ...(packages === undefined ? {} : { packages }),
  placeholders: env,
  ...(value === undefined
    ? {}
    : {
        authorization:
          auth === "bearer" ? `Bearer ${value}` : `Basic ${Buffer.from(value).toString("base64")}`,
      }),
});
