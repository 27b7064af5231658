import { createHash } from "node:crypto";
import {
  MergeSettings,
  type Pico,
  PRODUCT,
  type Role,
  VerificationSettings,
} from "@headrace/domain";
import { z } from "zod";
import { Budget, EXAMPLES, Gates, Protected, Setup, type WrittenGate } from "./fields.ts";
import { imagesToAllow, type KnownImages } from "./images.ts";
import { inputError } from "./problem.ts";
import { type SandboxConfig, SandboxFields } from "./sandbox-fields.ts";
import { decodeText } from "./text.ts";
import { filesOf, type Tree } from "./tree.ts";
import { readFields } from "./yaml-fields.ts";

/** Name of the file at the root of a target repository. */
export const CONFIG_FILE = `${PRODUCT}.yaml`;

/** One name or several, best first; `known` are those that the person has configured. */
const modelNames = (known: readonly string[] | undefined) => {
  const name = z
    .string({ error: "expected a model's name" })
    .min(1, "expected a model's name")
    .max(200)
    .refine((text) => known === undefined || known.includes(text), {
      error: `expected a model that your config.yaml names (${known?.join(", ") || "it has none"}), or --model for every role`,
    });
  return z
    .union([name, z.array(name).min(1, "expected a model's name").max(10)], {
      error: "expected a model's name, or several",
    })
    .transform((given) => (typeof given === "string" ? [given] : given))
    .exactOptional();
};

const routes = (model: ReturnType<typeof modelNames>) =>
  z
    .strictObject({
      planner: model,
      researcher: model,
      coder: model,
      reviewer: model,
      merger: model,
    } satisfies Record<Role, typeof model>)
    .describe("Models by role, out of those the person has configured")
    .optional();

const FIELDS = {
  setup: Setup.optional(),
  gates: Gates.optional(),
  sandbox: SandboxFields.optional(),
  budget: Budget.optional(),
  protected: Protected.optional(),
  merge: MergeSettings.strict()
    .describe(
      "How many changes the merge queue verifies together at most, and files that are lists",
    )
    .optional(),
  verification: VerificationSettings.strict()
    .describe("What further checks of a change may take: how many times the base gates' own time")
    .optional(),
};

const configNaming = (models: readonly string[] | undefined) =>
  z.strictObject({ ...FIELDS, routes: routes(modelNames(models)) });

/** A repository's own settings, parsed; a field that is absent was not given. */
export type RepoConfig = {
  setup?: string[] | undefined;
  gates?: WrittenGate[] | undefined;
  sandbox?: SandboxConfig | undefined;
  budget?: Pico | undefined;
  protected?: string[] | undefined;
  merge?: MergeSettings | undefined;
  verification?: VerificationSettings | undefined;
  /** names of models that the person has configured, best first */
  routes?: Partial<Record<Role, string[]>> | undefined;
};

const tableNaming = (models: readonly string[] | undefined) => ({
  schema: configNaming(models) satisfies z.ZodType<RepoConfig>,
  examples: {
    ...EXAMPLES,
    sandbox: "sandbox:\n  memory: 2g\n  cpus: 2\n  env:\n    TZ: UTC",
    "sandbox.image": "sandbox:\n  image: node:24-bookworm",
    "sandbox.dockerfile": "sandbox:\n  dockerfile: docker/Dockerfile",
    "sandbox.disk": "sandbox:\n  disk: 10g",
    "sandbox.services":
      "sandbox:\n  services:\n    - image: postgres:16\n      env: { POSTGRES_HOST_AUTH_METHOD: trust }\n      ready: pg_isready\n      memory: 512m",
    "sandbox.network":
      "sandbox:\n  network:\n    setup: [downloads.example.com]\n    research: [docs.example.com]",
    "sandbox.isolation": "sandbox:\n  isolation:\n    runtime: gvisor\n    userns: required",
    merge: "merge:\n  batch: 5\n  union:\n    - CHANGELOG.md",
    verification: "verification:\n  budget: 3",
    routes: "routes:\n  coder: sonnet\n  reviewer: [opus, spare]",
  },
  unsupported: {
    hot: "Remove it: tasks that touch the same files are merged one after another anyway.",
  },
});

/**
 * Reads the text of `headrace.yaml`; throws `UserError` with file, line, field and remedy. `models`: the names that it
 * may use, where that matters.
 */
export const parseConfig = ({
  file,
  text,
  models,
}: {
  file: string;
  text: string;
  models?: readonly string[] | undefined;
}): RepoConfig => readFields<RepoConfig>({ file, text, firstLine: 1 }, tableNaming(models));

/** The repository's settings at one commit; nothing where it has no such file. */
export const readConfig = async (
  tree: Pick<Tree, "read">,
  models?: readonly string[],
): Promise<RepoConfig> => {
  const bytes = await tree.read(CONFIG_FILE);
  return bytes === undefined
    ? {}
    : parseConfig({ file: CONFIG_FILE, text: decodeText(CONFIG_FILE, bytes), models });
};

/** What of a repository's file opens more than is open by default; it needs a person's leave. */
export type Loosening = {
  setup: string[];
  research: string[];
  /** images that may hold what is nobody else's business */
  images?: string[];
  /** a Dockerfile to be built, and the hash of its text */
  dockerfile?: { path: string; sha256: string };
};

/** What a commit's file opens; throws `UserError` where it names a Dockerfile that is not there. */
export const looseningOf = async (
  config: RepoConfig,
  tree: Tree,
  known: KnownImages,
): Promise<Loosening | undefined> => {
  const { network = {}, dockerfile } = config.sandbox ?? {};
  const { setup = [], research = [] } = network;
  const images = await imagesToAllow(config.sandbox ?? {}, known);
  const opened = setup.length + research.length + images.length;
  if (opened === 0 && dockerfile === undefined) return undefined;
  return {
    setup: [...setup].sort(),
    research: [...research].sort(),
    ...(images.length === 0 ? {} : { images }),
    ...(dockerfile === undefined ? {} : { dockerfile: await hashOf(tree, dockerfile) }),
  };
};

const hashOf = async (tree: Tree, path: string) => {
  const bytes = (await filesOf(tree)).includes(path) ? await tree.read(path) : undefined;
  if (bytes !== undefined)
    return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
  throw inputError({
    file: CONFIG_FILE,
    field: "sandbox.dockerfile",
    problem: `there is no file ${path} in this commit`,
    remedy: "Correct the path, or commit the file.",
  });
};

/** JSON Schema of the file, for editors. */
export const configJsonSchema = (): Record<string, unknown> => ({
  title: CONFIG_FILE,
  ...z.toJSONSchema(configNaming(undefined), { io: "input" }),
});
