import { decodedPath } from "./target.ts";

/** What an endpoint of Python packages has to do with projects. */
export type PythonPart = {
  /** folder of the projects' pages, empty for the endpoint's root; absent where there are files only */
  index?: string | undefined;
  /** names and beginnings of the projects that come from here and nowhere else; absent: all others do */
  packages?: readonly string[] | undefined;
};

type Place = { name: string; base: string; python?: PythonPart | undefined };

/** Where a request goes by the project it is about, so that nobody can offer at PyPI what a company names as its own. */
export type Course =
  | { kind: "here" }
  /** at another endpoint, under this path of it */
  | { kind: "there"; place: Place; path: string }
  | { kind: "nowhere"; detail: string; advice: string; status: 403 | 404 };

const HERE: Course = { kind: "here" };

/** As indexes compare names (PEP 503). */
const normalised = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

const isAmong = (packages: readonly string[], project: string): boolean =>
  packages
    .map(normalised)
    .some((own) => (own.endsWith("*") ? project.startsWith(own.slice(0, -1)) : project === own));

/** Why a text names no packages; undefined when it does. */
export const packagesProblem = (text: string): string | undefined => {
  if (text === "*")
    return "is every package: leave `packages` out, and the registry takes PyPI's place";
  return /^[a-z0-9](?:[\w.-]*[a-z0-9]|[\w.-]*\*)?$/i.test(text)
    ? undefined
    : "is no name of a package, or beginning of names with * at its end";
};

/** The course of a request, by its path below the endpoint that is asked, out of all there are. */
export const courseOf = (asked: Place, path: string, places: Iterable<Place>): Course => {
  const owners = [...places].filter(({ python }) => python?.packages !== undefined);
  if (asked.python === undefined || owners.length === 0) return HERE;
  const parts = partsOf(path);
  if (parts === undefined) return nowhere("the path is malformed");
  const ownerOf = (project: string) =>
    owners.find(({ python }) => isAmong(python?.packages ?? [], project));
  const page = pageOf(asked.python, parts);
  if (asked.python.packages !== undefined) {
    const foreign = page?.rest !== undefined && ownerOf(page.project) !== asked;
    return foreign ? notServed(asked, page.project) : HERE;
  }
  const projects = page === undefined ? [] : [page.project];
  if (page?.rest === undefined) projects.push(...projectsOfFile(parts));
  const project = projects.find((one) => ownerOf(one) !== undefined);
  const owner = project === undefined ? undefined : ownerOf(project);
  if (project === undefined || owner === undefined) return HERE;
  if (page?.rest === undefined) return takenElsewhere(owner, project);
  const folder = page.rest === "" ? (owner.python?.index ?? "") : "/pypi";
  return { kind: "there", place: owner, path: `${folder}/${project}/${page.rest}` };
};

const nowhere = (detail: string, advice = detail, status: 403 | 404 = 403): Course => ({
  ...{ kind: "nowhere", detail, advice, status },
});

/** Not found rather than refused: a client with several indexes asks each of them for everything. */
const notServed = ({ name, base }: Place, project: string): Course =>
  nowhere(
    "it is asked for its `packages` alone",
    `${base} is not asked for ${project}: if it comes from there, add its name to \`packages\` of the registry ${name} in ` +
      "config.yaml of the data directory",
    404,
  );

const takenElsewhere = ({ name, base, python }: Place, project: string): Course =>
  nowhere(
    `${project} comes from the registry ${name} alone`,
    `${project} comes from the registry ${name} alone, as config.yaml of the data directory says: lock it against ` +
      `${base}${python?.index ?? ""}`,
  );

/** The parts of a path as servers may read it: unescaped, in lower case, without empty ones. */
const partsOf = (path: string): string[] | undefined =>
  decodedPath(path)
    ?.toLowerCase()
    .split("/")
    .filter((part) => part !== "");

/**
 * The project whose page or JSON is asked for, with what follows its name; `rest` is undefined where it is only part
 * of another path.
 */
const pageOf = (
  { index }: PythonPart,
  parts: readonly string[],
): { project: string; rest: string | undefined } | undefined => {
  if (index === undefined) return undefined;
  const api = parts[0] === "pypi";
  const folder = index.slice(1);
  if (!api && folder !== "" && parts[0] !== folder) return undefined;
  const at = api || folder !== "" ? 1 : 0;
  // what follows a name is cut by some servers before they look it up
  const [name = ""] = /^[\w.-]*/.exec(parts[at]?.trim() ?? "") ?? [];
  if (name === "") return undefined;
  const after = parts.slice(at + 1);
  const json = after.at(-1) === "json" && after.every((part) => /^[\w.!+-]+$/.test(part));
  const whole = api ? json : after.length === 0;
  return { project: normalised(name), rest: whole ? after.join("/") : undefined };
};

/** Projects that a file may be of: a name with dashes before a version does not tell where it ends. */
const projectsOfFile = (parts: readonly string[]): string[] => {
  const file = parts.at(-1)?.trim() ?? "";
  const ends = file.includes(".whl")
    ? [file.indexOf("-")]
    : [...file.matchAll(/-(?=v?\d)/g)].map(({ index }) => index);
  return ends.filter((at) => at > 0).map((at) => normalised(file.slice(0, at)));
};
