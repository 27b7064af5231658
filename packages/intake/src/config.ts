import type { Gate, Nano, Role } from "@headrace/domain";
import { PRODUCT, SandboxLimits } from "@headrace/domain";
import { z } from "zod";
import { Budget, EXAMPLES, Gates, Protected, Setup } from "./fields.ts";
import { decodeText } from "./text.ts";
import type { Tree } from "./tree.ts";
import { readFields } from "./yaml-fields.ts";

/** Name of the file at the root of a target repository. */
export const CONFIG_FILE = `${PRODUCT}.yaml`;

const { memoryMb, cpus } = SandboxLimits.shape;
const [MIN_MB, MAX_MB] = [64, 262_144];

const Memory = z
  .string({ error: "expected memory such as 2g" })
  .transform((given, context) => {
    const [, amount, unit] = /^(\d{1,6}(?:\.\d+)?)\s*([mg])i?b?$/i.exec(given.trim()) ?? [];
    const mb = Math.round(Number(amount) * (unit?.toLowerCase() === "g" ? 1024 : 1));
    if (mb >= MIN_MB && mb <= MAX_MB) return memoryMb.parse(mb);
    context.addIssue(`expected memory from ${MIN_MB}m to ${MAX_MB / 1024}g`);
    return z.NEVER;
  })
  .describe("Memory limit of a sandbox, such as 512m or 2g");

const EnvValue = z.union([z.string().max(4000), z.number(), z.boolean()], {
  error: "expected text, a number or true or false",
});

const Env = z
  .record(z.string(), EnvValue, { error: "expected names and values" })
  .superRefine((env, context) => {
    for (const name of Object.keys(env))
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        context.addIssue({
          code: "custom",
          path: [name],
          message: "expected a name of letters, digits and underscores",
        });
  })
  .transform((env) =>
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
  )
  .describe("Environment of set-up, agents and gates; no secrets: agents can read it");

const Model = z.string({ error: "expected a model's name" }).min(1).max(200).optional();

const Config = z.strictObject({
  setup: Setup.optional(),
  gates: Gates.optional(),
  sandbox: z
    .strictObject({
      image: z
        .string({ error: "expected an image" })
        .min(1)
        .max(500)
        .describe("Image with glibc, sh and git in which everything runs")
        .optional(),
      memory: Memory.optional(),
      cpus: z
        .number({ error: "expected a number of cpus" })
        .min(0.1, "expected at least 0.1 cpus")
        .max(128, "expected at most 128 cpus")
        .transform((given) => cpus.parse(given))
        .optional(),
      env: Env.optional(),
    })
    .optional(),
  budget: Budget.optional(),
  protected: Protected.optional(),
  routes: z
    .strictObject({
      planner: Model,
      researcher: Model,
      coder: Model,
      reviewer: Model,
      merger: Model,
    } satisfies Record<Role, typeof Model>)
    .describe("Models by role, out of those the person has configured")
    .optional(),
});

/** A repository's own settings, parsed; a field that is absent was not given. */
export type RepoConfig = {
  setup?: string[] | undefined;
  gates?: Gate[] | undefined;
  sandbox?:
    | {
        image?: string | undefined;
        memory?: number | undefined;
        cpus?: number | undefined;
        env?: Record<string, string> | undefined;
      }
    | undefined;
  budget?: Nano | undefined;
  protected?: string[] | undefined;
  routes?: Partial<Record<Role, string | undefined>> | undefined;
};

const TABLE = {
  schema: Config satisfies z.ZodType<RepoConfig>,
  examples: {
    ...EXAMPLES,
    sandbox: "sandbox:\n  memory: 2g\n  cpus: 2\n  env:\n    TZ: UTC",
    routes: "routes:\n  coder: claude-sonnet-4-5",
  },
  unsupported: {
    hot: "Remove it: tasks that touch the same files are merged one after another anyway.",
    "gates.canary": "Remove it: gates are run without canaries.",
    "sandbox.services": "Remove it: start what a gate needs inside the gate's command.",
    "sandbox.network":
      "Remove it: set-up has network, agents and gates have none; install in `setup` what they need.",
    "sandbox.dockerfile": "Build the image yourself and name it as `image`.",
  },
};

/** Reads the text of `headrace.yaml`; throws `UserError` with file, line, field and remedy. */
export const parseConfig = ({ file, text }: { file: string; text: string }): RepoConfig =>
  readFields<RepoConfig>({ file, text, firstLine: 1 }, TABLE);

/** The repository's settings at one commit; nothing where it has no such file. */
export const readConfig = async (tree: Pick<Tree, "read">): Promise<RepoConfig> => {
  const bytes = await tree.read(CONFIG_FILE);
  return bytes === undefined
    ? {}
    : parseConfig({ file: CONFIG_FILE, text: decodeText(CONFIG_FILE, bytes) });
};

/** JSON Schema of the file, for editors. */
export const configJsonSchema = (): Record<string, unknown> => ({
  title: CONFIG_FILE,
  ...z.toJSONSchema(Config, { io: "input" }),
});
