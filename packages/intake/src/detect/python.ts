import { parse } from "smol-toml";
import { z } from "zod";
import { readText } from "../tree.ts";
import { type Detector, type Found, quoted } from "./detection.ts";

const names = z.array(z.unknown()).catch([]);
const PyProject = z.looseObject({
  project: z
    .looseObject({
      dependencies: names.optional(),
      "optional-dependencies": z.record(z.string(), names).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  "dependency-groups": z.record(z.string(), names).optional().catch(undefined),
});

const DEV_GROUPS = ["dev", "develop", "development", "test", "tests", "testing", "lint", "typing"];
const DEV_REQUIREMENTS = /^(?:requirements[-_/](?:dev|test)\w*|(?:dev|test)[-_]requirements)\.txt$/;
const MANIFESTS = new Set([
  "pyproject.toml",
  "setup.py",
  "setup.cfg",
  "requirements.txt",
  "tox.ini",
  "pytest.ini",
  "uv.lock",
  "poetry.lock",
]);
const ENV = ".venv/bin/python";

/** Dependencies a pyproject.toml declares; the project itself cannot be installed without its sources. */
const declared = (toml: string, found: Found): string[] => {
  try {
    const { project, "dependency-groups": groups } = PyProject.parse(parse(toml));
    const extras = { ...project?.["optional-dependencies"], ...groups };
    const dev = Object.keys(extras).filter((name) => DEV_GROUPS.includes(name.toLowerCase()));
    return [...(project?.dependencies ?? []), ...dev.flatMap((name) => extras[name] ?? [])].filter(
      (name) => typeof name === "string",
    );
  } catch {
    found.notes.push("pyproject.toml is not valid TOML, so nothing was detected from it.");
    return [];
  }
};

/** A tool that locks gets a virtual environment of its own, so that it cannot disturb the project's. */
const withTool = (tool: string, command: string): string =>
  `python3 -m venv /tmp/${tool} && /tmp/${tool}/bin/pip install ${tool} && ${command}`;

const setupOf = (paths: ReadonlySet<string>, dependencies: readonly string[]): string[] => {
  if (paths.has("uv.lock"))
    return [withTool("uv", "/tmp/uv/bin/uv sync --frozen --no-install-project")];
  if (paths.has("poetry.lock"))
    return [
      withTool(
        "poetry",
        "POETRY_VIRTUALENVS_IN_PROJECT=true /tmp/poetry/bin/poetry install --no-root --no-interaction",
      ),
    ];
  const files = ["requirements.txt", ...[...paths].filter((p) => DEV_REQUIREMENTS.test(p)).sort()];
  const wanted = [
    ...files.filter((path) => paths.has(path)).map((path) => `-r ${quoted(path)}`),
    ...dependencies.map(quoted),
  ];
  const create = "python3 -m venv .venv";
  return wanted.length === 0 ? [create] : [create, `${ENV} -m pip install ${wanted.join(" ")}`];
};

export const detectPython: Detector = async ({ tree, paths }, found) => {
  const present = [...paths].filter((path) => MANIFESTS.has(path) || DEV_REQUIREMENTS.test(path));
  if (present.length === 0) return;
  const texts = new Map<string, string>();
  for (const path of present) texts.set(path, (await readText(tree, path)) ?? "");
  const toml = texts.get("pyproject.toml");
  const setup = setupOf(paths, toml === undefined ? [] : declared(toml, found));
  if (setup.every((command) => command.length <= 4000)) found.setup.push(...setup);
  else found.notes.push("pyproject.toml has too many dependencies to install without a lockfile.");

  const tests = [...paths].some((path) => /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/.test(path));
  const source = [...paths].some((path) => /^src\/.+\.py$/.test(path)) ? "PYTHONPATH=src " : "";
  if (texts.has("pytest.ini") || [...texts.values()].some((text) => text.includes("pytest")))
    found.gate("test", `${source}${ENV} -m pytest`, "pytest");
  else if (tests) found.gate("test", `${source}${ENV} -m unittest discover`, "unittest");
};
