import { type Found, quoted } from "./detection.ts";
import { devNames, type PyProject } from "./pyproject.ts";
import { declaredDependencies } from "./python-declared.ts";

const ENV = ".venv/bin/python";
const MAKE_ENV = "python3 -m venv .venv";
const REQUIREMENTS =
  /^(?:requirements|requirements[-_/](?:base|main|dev|tests?|testing)\w*|(?:dev|tests?)[-_]requirements)\.txt$/;
/** Requirements that are folders of the repository, whose sources are not there at set-up. */
const LOCAL = /^[ \t]*(?:(?:-e|--editable)[ =]|\.{1,2}(?:\/|\[|[ \t]*$))/m;

export const isRequirements = (path: string): boolean => REQUIREMENTS.test(path);

/** What there is to install from: text of root files by path, and the parsed pyproject.toml. */
export type PythonFiles = {
  texts: ReadonlyMap<string, string>;
  project: PyProject | undefined;
};

/** A tool that locks gets a virtual environment of its own, so that it cannot disturb the project's. */
const tool = (name: string, packages: readonly string[]): string =>
  `python3 -m venv "$HOME/.${name}" && "$HOME/.${name}/bin/pip" install ${packages.map(quoted).join(" ")} && mkdir -p "$HOME/.local/bin" && ln -sf "$HOME/.${name}/bin/${name}" "$HOME/.local/bin/${name}"`;

/** Settings for pytest do not install it, and a gate needs it. */
const lacksPytest = (texts: PythonFiles["texts"], lock: string): boolean =>
  usesPytest(texts) && !texts.get(lock)?.includes('\nname = "pytest"\n');

/** A package of uv.lock that is a folder of the repository; its sources are not there at set-up. */
const UV_FOLDER =
  /^name = "([\w.-]+)"\n(?:version = .*\n)?source = \{ (?:directory|editable) = "(?!\.")/gm;

const uv = ({ texts, project }: PythonFiles): string[] => {
  const settings = project?.tool?.uv;
  const asked = settings?.["required-version"] ?? "";
  const version = /^(?:[<>=!~]=?|===)[\d.*,<>=!~ ]+$/.test(asked)
    ? asked.replaceAll(" ", "")
    : ">=0.8,<1";
  // members that exclude each other cannot be installed together
  const members = settings?.workspace !== undefined && settings.conflicts === undefined;
  const folders = [...(texts.get("uv.lock") ?? "").matchAll(UV_FOLDER)].map(([, name]) => name);
  const more = [
    ...(members ? [" --all-packages"] : []),
    ...folders.map((name) => ` --no-install-package ${name}`),
    ...devNames(project?.["dependency-groups"]).map((name) => ` --group ${name}`),
    ...devNames(project?.project?.["optional-dependencies"]).map((name) => ` --extra ${name}`),
  ].join("");
  return [
    tool("uv", [`uv${version}`]),
    `"$HOME/.uv/bin/uv" sync --frozen --no-install-workspace --python "$(command -v python3)" --no-python-downloads${more}`,
    ...(lacksPytest(texts, "uv.lock") ? ['"$HOME/.uv/bin/uv" pip install pytest'] : []),
  ];
};

/** Groups that Poetry itself would install, and optional ones for work on the project. */
const poetryGroups = ({ project }: PythonFiles): string[] => {
  const settings = project?.tool?.poetry;
  const named = { ...project?.["dependency-groups"], ...settings?.group };
  const optional = Object.keys(named).filter((name) => settings?.group?.[name]?.optional);
  const dev = devNames(named);
  return [
    ...(settings?.["dev-dependencies"] !== undefined && !("dev" in named) ? ["dev"] : []),
    ...Object.keys(named).filter((name) => !optional.includes(name) || dev.includes(name)),
  ].filter((name) => /^[\w.-]+$/.test(name));
};

/** Where Poetry writes what pip installs; nothing in /tmp is kept. */
const LOCKED = "/tmp/locked.txt";
const FOLDERS = "/^-e |^[^ ]+ @ file:.*[^\\\\]$/d";
const CLONES = "^[^ ]+ @ git\\+";

/**
 * Poetry can be pointed to no other place than PyPI's own, which set-up does not reach; but it can write the lock as
 * requirements with hashes, without a network, and pip installs those.
 */
const poetry = (files: PythonFiles, found: Found): string[] => {
  const lock = files.texts.get("poetry.lock") ?? "";
  const { project } = files;
  const groups = poetryGroups(files);
  const extras = devNames({
    ...project?.tool?.poetry?.extras,
    ...project?.project?.["optional-dependencies"],
  });
  const more = [
    ...(groups.length === 0 ? [] : [` --with ${groups.join(",")}`]),
    ...extras.map((name) => ` --extras ${name}`),
  ].join("");
  const has = (type: string) => lock.includes(`\ntype = "${type}"\n`);
  if (has("directory")) found.notes.push(notInstalled("poetry.lock"));
  const install = `${ENV} -m pip install --no-deps -r`;
  return [
    tool("poetry", ["poetry>=2,<3", "poetry-plugin-export"]),
    `"$HOME/.poetry/bin/poetry" export --without-urls --output ${LOCKED}${more}`,
    MAKE_ENV,
    ...(has("directory") ? [`sed -i -E ${quoted(FOLDERS)} ${LOCKED}`] : []),
    // pip has no hash for a clone, and in one call wants hashes for everything or for nothing
    ...(has("git")
      ? [
          `grep -E ${quoted(CLONES)} ${LOCKED} > /tmp/clones.txt; sed -i -E ${quoted(`/${CLONES}/d`)} ${LOCKED} && ${install} /tmp/clones.txt`,
        ]
      : []),
    `${install} ${LOCKED}`,
    ...(lacksPytest(files.texts, "poetry.lock") ? [`${ENV} -m pip install pytest`] : []),
  ];
};

const notInstalled = (where: string): string =>
  `Folders of the repository that ${where} names are not installed, because their sources are not there at set-up; gates find what lies in them.`;

const pip = (files: PythonFiles, found: Found): string[] => {
  const { texts } = files;
  const wanted = [...texts.keys()].filter(isRequirements).sort();
  const local = wanted.filter((path) => LOCAL.test(texts.get(path) ?? ""));
  const declared = declaredDependencies(files.project);
  const constraints = texts.has("constraints.txt") ? " -c constraints.txt" : "";
  const hashed = wanted.filter((path) => texts.get(path)?.includes("--hash="));
  const named = [...wanted.map((path) => texts.get(path) ?? ""), ...declared];
  const pytest = !usesPytest(texts) || named.some((text) => text.includes("pytest"));
  const plain = [
    ...wanted.filter((path) => !hashed.includes(path)).map((path) => `-r ${quoted(path)}`),
    ...[...declared, ...(pytest ? [] : ["pytest"])].map(quoted),
  ];
  if (local.length > 0) found.notes.push(notInstalled(local.join(", ")));
  const strip = `sed -i -E '/^[ \\t]*((-e|--editable)[ =]|\\.{1,2}(\\/|\\[|[ \\t]*$))/d'`;
  return [
    MAKE_ENV,
    ...(local.length === 0 ? [] : [`${strip} ${local.map(quoted).join(" ")}`]),
    // pip wants hashes for everything in one call or for nothing
    ...hashed.map((path) => `${ENV} -m pip install -r ${quoted(path)}`),
    ...(plain.length === 0 ? [] : [`${ENV} -m pip install ${plain.join(" ")}${constraints}`]),
  ];
};

export const usesPytest = (texts: ReadonlyMap<string, string>): boolean =>
  texts.has("pytest.ini") || [...texts.values()].some((text) => text.includes("pytest"));

/** Files of tools whose dependencies are not read, and what to do instead. */
const unread = ({ texts, project }: PythonFiles): string | undefined => {
  const lock = ["pdm.lock", "Pipfile.lock"].find((path) => texts.has(path));
  if (lock !== undefined) return `${lock} is not read`;
  const poetry = project?.tool?.poetry;
  if (poetry?.dependencies !== undefined && project?.project?.dependencies === undefined)
    return "Dependencies of Poetry are read from poetry.lock, and there is none";
  const legacy = ["setup.py", "setup.cfg"].find((path) =>
    texts.get(path)?.includes("install_requires"),
  );
  const others = project?.project !== undefined || [...texts.keys()].some(isRequirements);
  return legacy === undefined || others ? undefined : `Dependencies in ${legacy} are not read`;
};

/** Commands that make `.venv` with what the project's files lock, else with what they declare. */
export const pythonSetup = (files: PythonFiles, found: Found): string[] => {
  if (files.texts.has("uv.lock")) return uv(files);
  if (files.texts.has("poetry.lock")) return poetry(files, found);
  const problem = unread(files);
  if (problem !== undefined)
    found.notes.push(`${problem}: list setup commands in headrace.yaml that install them.`);
  return pip(files, found);
};
