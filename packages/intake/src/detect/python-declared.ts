import { z } from "zod";
import { devNames, type PyProject } from "./pyproject.ts";

const Included = z.object({ "include-group": z.string() });

/** One spelling of a name that may be written with dashes, dots and underscores. */
const normal = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

type Lists = Readonly<Record<string, readonly unknown[]>>;

const listOf = (lists: Lists | undefined, name: string): readonly unknown[] =>
  Object.entries(lists ?? {}).find(([key]) => normal(key) === normal(name))?.[1] ?? [];

/**
 * What a pyproject.toml declares that the project needs to run and to be worked on. A list that names another one, as
 * a group or as an extra of the project itself, stands for what is in it: asked of an index, the project's own name
 * may be anybody's.
 */
export const declaredDependencies = (file: PyProject | undefined): string[] => {
  const project = file?.project;
  const [extras, groups] = [project?.["optional-dependencies"], file?.["dependency-groups"]];
  const own = project?.name === undefined ? undefined : normal(project.name);
  const found = new Set<string>();
  const seen = new Set<string>();
  const takeList = (lists: Lists | undefined, kind: "extra" | "group", name: string): void => {
    const key = `${kind} ${normal(name)}`;
    if (seen.has(key)) return;
    seen.add(key);
    listOf(lists, name).forEach(take);
  };
  const take = (item: unknown): void => {
    const group = Included.safeParse(item).data?.["include-group"];
    if (group !== undefined) takeList(groups, "group", group);
    if (typeof item !== "string") return;
    const [, name = "", its = ""] = /^\s*([\w.-]+)\s*(?:\[([^\]]*)\])?/.exec(item) ?? [];
    if (normal(name) !== own) found.add(item);
    else for (const extra of its.split(",")) takeList(extras, "extra", extra.trim());
  };
  project?.dependencies?.forEach(take);
  for (const name of devNames(extras)) takeList(extras, "extra", name);
  for (const name of devNames(groups)) takeList(groups, "group", name);
  return [...found];
};
