import { z } from "zod";
import { readText, type Tree } from "../tree.ts";

const strings = z.record(z.string(), z.string()).catch({});
const DevEngine = z.looseObject({ name: z.string(), version: z.string().optional() });
const devEngine = z
  .union([DevEngine, z.array(DevEngine)])
  .optional()
  .catch(undefined);

const PackageJson = z.looseObject({
  packageManager: z.string().optional().catch(undefined),
  engines: strings.optional(),
  volta: strings.optional(),
  devEngines: z
    .looseObject({ runtime: devEngine, packageManager: devEngine })
    .optional()
    .catch(undefined),
  scripts: strings.optional(),
  dependencies: strings.optional(),
  devDependencies: strings.optional(),
  workspaces: z.unknown().optional(),
});
export type PackageJson = z.infer<typeof PackageJson>;

/** A package.json as far as it is what it should be; undefined for what is none. */
export const readPackageJson = async (
  tree: Tree,
  path: string,
): Promise<PackageJson | undefined> => {
  try {
    return PackageJson.parse(JSON.parse((await readText(tree, path)) ?? ""));
  } catch {
    return undefined;
  }
};
