import { type PrivateRegistry, packagesProblem } from "@headrace/sandbox";
import { z } from "zod";
import { address, variable } from "./user-config-fields.ts";

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
  url: address,
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
export type Registry = z.infer<typeof Registry>;

export const Registries = z
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
  });

/** A registry as a sandbox is told of it, with its credential in the form that is sent. */
export const withCredential = (
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
