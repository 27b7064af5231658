import { parse } from "smol-toml";
import { z } from "zod";

const names = z.array(z.unknown()).catch([]);
const groups = z.record(z.string(), names).optional().catch(undefined);
const text = z.string().optional().catch(undefined);

const PyProject = z.looseObject({
  project: z
    .looseObject({
      name: text,
      "requires-python": text,
      dependencies: names.optional(),
      "optional-dependencies": groups,
    })
    .optional()
    .catch(undefined),
  "dependency-groups": groups,
  tool: z
    .looseObject({
      uv: z
        .looseObject({
          "required-version": text,
          workspace: z.unknown().optional(),
          conflicts: z.unknown().optional(),
        })
        .optional()
        .catch(undefined),
      poetry: z
        .looseObject({
          dependencies: z.looseObject({ python: text }).optional().catch(undefined),
          group: z
            .record(
              z.string(),
              z.looseObject({ optional: z.boolean().optional().catch(undefined) }).catch({}),
            )
            .optional()
            .catch(undefined),
          "dev-dependencies": z.unknown().optional(),
          extras: groups,
        })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});
export type PyProject = z.infer<typeof PyProject>;

/** A pyproject.toml as far as it is what it should be; undefined for what is no TOML. */
export const parsePyProject = (toml: string): PyProject | undefined => {
  try {
    return PyProject.parse(parse(toml));
  } catch {
    return undefined;
  }
};

const DEV = ["dev", "develop", "development", "test", "tests", "testing", "lint", "typing"];

/** Names of groups that are there for work on the project, in their order. */
export const devNames = (groups: Readonly<Record<string, unknown>> | undefined): string[] =>
  Object.keys(groups ?? {}).filter(
    (name) => DEV.includes(name.toLowerCase()) && /^[\w.-]+$/.test(name),
  );
