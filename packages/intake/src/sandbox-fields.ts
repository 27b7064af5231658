import { HostName, Id, Isolation, type Service } from "@headrace/domain";
import { z } from "zod";
import { imageProblem } from "./images.ts";

const [MIN_MB, MAX_MB] = [64, 262_144];
const MAX_DISK_MB = 1_048_576;

/** `512m`, `1.5g` as mebibytes. */
const size = (what: string, min: number, max: number) =>
  z.string({ error: `expected ${what} such as 2g` }).transform((given, context) => {
    const [, amount, unit] = /^(\d{1,6}(?:\.\d+)?)\s*([mg])i?b?$/i.exec(given.trim()) ?? [];
    const mb = Math.round(Number(amount) * (unit?.toLowerCase() === "g" ? 1024 : 1));
    if (mb >= min && mb <= max) return mb;
    context.addIssue(`expected ${what} from ${min}m to ${max / 1024}g`);
    return z.NEVER;
  });

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
  );

const image = z
  .string({ error: "expected an image" })
  .min(1, "expected an image")
  .max(500)
  .superRefine((reference, context) => {
    const problem = imageProblem(reference);
    if (problem !== undefined) context.addIssue(problem);
  });

/** `registry.example/team/postgres:16` is called postgres. */
const nameOf = (reference: string): string =>
  reference
    .replace(/@.*$/, "")
    .replace(/:[^/]*$/, "")
    .replace(/^.*\//, "")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^[^a-z0-9]+|-+$/g, "")
    .slice(0, 32) || "service";

const ServiceField = z
  .strictObject({
    name: Id.max(32)
      .describe("Lower-case letters, digits and dashes; the image's if absent")
      .optional(),
    image: image.describe("Image of a server, such as postgres:16"),
    env: Env.describe("Environment of the server; no secrets").optional(),
    ready: z
      .string({ error: "expected a command" })
      .min(1, "expected a command")
      .max(4000)
      .describe("Command run in its container until it exits 0")
      .optional(),
    memory: size("memory", 32, MAX_MB).describe("Memory limit, such as 512m").optional(),
  })
  .transform(
    ({ name, image: reference, env = {}, ready, memory = 512 }): Service => ({
      name: name ?? nameOf(reference),
      image: reference,
      env,
      ready,
      memoryMb: memory,
    }),
  );

const Services = z
  .array(ServiceField, { error: "expected a list of services" })
  .max(8, "expected at most 8 services")
  .superRefine((services, context) => {
    const names = services.map(({ name }) => name);
    const repeated = names.findIndex((name, i) => names.indexOf(name) !== i);
    if (repeated >= 0)
      context.addIssue({
        code: "custom",
        path: [repeated],
        message: `expected a name that no other service has: give it a \`name\` besides ${names[repeated]}`,
      });
  })
  .describe("Servers that agents and gates find on 127.0.0.1, fresh for each sandbox and gate");

const Hosts = z
  .array(HostName, { error: "expected a list of hosts" })
  .max(50, "expected at most 50 hosts");

const Dockerfile = z
  .string({ error: "expected the path of a Dockerfile" })
  .max(300)
  .regex(
    /^(?![/~])(?!.*(?:^|\/)\.{0,2}(?:\/|$)).+$/,
    "expected a path inside the repository, such as docker/Dockerfile",
  );

const Fields = z.strictObject({
  image: image.describe("Image with glibc, sh and git in which everything runs").optional(),
  dockerfile: Dockerfile.describe(
    "Dockerfile of this repository from which that image is built; needs a person's leave",
  ).optional(),
  memory: size("memory", MIN_MB, MAX_MB)
    .describe("Memory limit of a sandbox, such as 512m or 2g")
    .optional(),
  cpus: z
    .number({ error: "expected a number of cpus" })
    .min(0.1, "expected at least 0.1 cpus")
    .max(128, "expected at most 128 cpus")
    .optional(),
  disk: size("disk space", 64, MAX_DISK_MB)
    .describe("What a sandbox may write, such as 10g")
    .optional(),
  env: Env.describe(
    "Environment of set-up, agents and gates; no secrets: agents can read it",
  ).optional(),
  services: Services.optional(),
  network: z
    .strictObject({ setup: Hosts.optional(), research: Hosts.optional() })
    .describe("Exact hosts that a phase may reach besides the registries; needs a person's leave")
    .optional(),
  isolation: z
    .strictObject({
      runtime: Isolation.shape.runtime.unwrap().optional(),
      userns: Isolation.shape.userns.unwrap().optional(),
    })
    .describe("Stronger walls than the engine's default")
    .optional(),
});

export const SandboxFields = Fields.superRefine(({ image, dockerfile }, context) => {
  if (image === undefined || dockerfile === undefined) return;
  context.addIssue({
    code: "custom",
    path: ["dockerfile"],
    message: "expected either an image or a Dockerfile to build one from",
  });
});
/** The sandbox of a repository's file, parsed; sizes in mebibytes. */
export type SandboxConfig = z.infer<typeof SandboxFields>;
