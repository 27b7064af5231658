import { readText } from "../tree.ts";
import { type Detector, type Found, quoted } from "./detection.ts";
import { type PyProject, parsePyProject } from "./pyproject.ts";
import { isRequirements, pythonSetup, usesPytest } from "./python-setup.ts";
import { pythonImage } from "./python-version.ts";
import { versionFiles, type Wish } from "./version-files.ts";

const MANIFESTS = new Set([
  "pyproject.toml",
  "setup.py",
  "setup.cfg",
  "constraints.txt",
  "tox.ini",
  "pytest.ini",
  "uv.lock",
  "poetry.lock",
  "pdm.lock",
  "Pipfile.lock",
]);
const MAX_COMMAND = 4000;

/** Versions that files ask for: pinned ones first, then what the package says it runs on. */
const wishesOf = (
  pinned: readonly Wish[],
  project: PyProject | undefined,
  texts: ReadonlyMap<string, string>,
): Wish[] => {
  const inText = (path: string, pattern: RegExp) => pattern.exec(texts.get(path) ?? "")?.[1];
  const given = (version: string | undefined, from: string): Wish[] =>
    version === undefined ? [] : [{ version, from }];
  return [
    ...pinned.map(({ version, from }) => ({ version: version.replace(/^c?python-?/, ""), from })),
    ...given(project?.project?.["requires-python"], "pyproject.toml requires-python"),
    ...given(project?.tool?.poetry?.dependencies?.python, "pyproject.toml tool.poetry"),
    // of a workspace whose root is no package
    ...given(inText("uv.lock", /^requires-python = "(.+)"$/m), "uv.lock"),
    ...given(inText("setup.cfg", /^python_requires\s*=\s*(\S.*)$/m), "setup.cfg"),
  ];
};

/** Folders that Python must look into for packages of the repository, which are never installed. */
const sourceFolders = (paths: ReadonlySet<string>): string[] => {
  const all = [...paths];
  const holds = (folder: string) =>
    all.some((p) => p.startsWith(`${folder}/`) && p.endsWith(".py"));
  const isFlat = (project: string) =>
    all.some((p) => p.startsWith(project) && PACKAGE.test(p.slice(project.length)));
  const folders = all.flatMap((path) => {
    const [, project] = /^(.+\/)(?:pyproject\.toml|setup\.(?:py|cfg))$/.exec(path) ?? [];
    if (project === undefined) return [];
    if (holds(`${project}src`)) return [`${project}src`];
    return isFlat(project) ? [project.slice(0, -1)] : [];
  });
  return [...new Set([...(holds("src") ? ["src"] : []), ...folders])].sort();
};

const PACKAGE = /^(?!tests?\/)[^/]+\/__init__\.py$/;

const gateOf = (
  paths: ReadonlySet<string>,
  texts: ReadonlyMap<string, string>,
  found: Found,
): void => {
  const tests = [...paths].filter((path) => /(?:^|\/)tests?(?:_[^/]*)?\.py$/.test(path));
  const folders = sourceFolders(paths);
  const source = folders.length === 0 ? "" : `PYTHONPATH=${quoted(folders.join(":"))} `;
  const python = `${source}.venv/bin/python -m`;
  if (usesPytest(texts)) found.gate("test", `${python} pytest`, "pytest");
  else if (tests.length > 0)
    found.gate("test", `${python} unittest discover${startOf(tests, paths)}`, "unittest");
};

/** Where unittest must be told to start: it looks into packages only, and may be content to find nothing. */
const startOf = (tests: readonly string[], paths: ReadonlySet<string>): string => {
  const folders = new Set(tests.map((path) => path.slice(0, path.indexOf("/") + 1)));
  const [folder = ""] = folders;
  const named = folders.size === 1 && folder !== "" && !paths.has(`${folder}__init__.py`);
  return named ? ` -s ${quoted(folder.slice(0, -1))}` : "";
};

export const detectPython: Detector = async (seen, found) => {
  const { tree, paths, base } = seen;
  const present = [...paths].filter((path) => MANIFESTS.has(path) || isRequirements(path));
  if (present.every((path) => path === "constraints.txt")) return;
  const texts = new Map<string, string>();
  for (const path of present) texts.set(path, (await readText(tree, path)) ?? "");
  const toml = texts.get("pyproject.toml");
  const project = toml === undefined ? undefined : parsePyProject(toml);
  if (toml !== undefined && project === undefined)
    found.notes.push("pyproject.toml is not valid TOML, so nothing was detected from it.");
  const pinned = await versionFiles(seen, {
    files: [".python-version", "runtime.txt"],
    names: ["python"],
  });
  found.image ??= pythonImage(wishesOf(pinned, project, texts), base, found);
  const setup = pythonSetup({ texts, project }, found);
  if (setup.every((command) => command.length <= MAX_COMMAND)) found.setup.push(...setup);
  else found.notes.push("pyproject.toml has too many dependencies to install without a lockfile.");
  gateOf(paths, texts, found);
};
