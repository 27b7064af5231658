import type { Opening } from "./change.ts";
import type { Format, Leaf } from "./fields.ts";
import { ownGlobs } from "./own-globs.ts";

/** One side of a field, undefined where the field is absent. */
type Side = Leaf | undefined;

export type FieldRule = {
  files: (path: string) => boolean;
  format: Format;
  keys: RegExp;
  /** which changes of a field count; any, where absent */
  when?: (before: Side, after: Side, key: string) => boolean;
  /** a file that was not there weakens nothing that it could not have */
  onlyEdits?: boolean;
  what: string;
  opens: Opening;
};

const items = (side: Side): readonly string[] =>
  Array.isArray(side) ? side : typeof side === "string" ? side.split(/[\s,]+/).filter(Boolean) : [];

const grew = (before: Side, after: Side): boolean => {
  const old = new Set(items(before));
  return items(after).some((item) => !old.has(item));
};

const shrank = (before: Side, after: Side): boolean =>
  before !== undefined && after !== undefined && grew(after, before);

const level = (side: Side): string =>
  String(Array.isArray(side) ? (side[0] ?? "") : (side ?? ""))
    .replaceAll('"', "")
    .toLowerCase();

const OFF = /^(?:off|0|false|none|no|disable)$/;
const STRICT = /^(?:error|2|true|on|yes|err|deny|forbid)$/;

/** Rules are off that were not, or ignored is what was not. */
const laxer = (before: Side, after: Side, key: string): boolean => {
  if (/ignore|exclude|disable|skip|omit|suppress|allow/i.test(key))
    return grew(before, after) || (level(after) === "true" && level(before) !== "true");
  if (
    /(?:^|\.)(?:select|extend-select|extends|enable|plugins|rules)$/.test(key) &&
    shrank(before, after)
  )
    return true;
  if (/(?:^|\.)includes?$/.test(key))
    return (
      shrank(before, after) ||
      items(after).some((i) => i.startsWith('"!') && !items(before).includes(i))
    );
  if (OFF.test(level(after))) return !OFF.test(level(before));
  return STRICT.test(level(before)) && !STRICT.test(level(after));
};

/** What tests import to be tests. */
export const RUNNER_MODULES = [
  ..."vitest @vitest jest @jest mocha chai ava tap tape uvu jasmine sinon cypress expect".split(
    " ",
  ),
  ..."assert node:assert node:test bun:test @playwright/test @std/assert @std/testing".split(" "),
];

/** Whether an alias, which may end in `*`, takes the place of such a module. */
const takesRunner = (before: Side, after: Side, key: string): boolean => {
  const name = key.replace(/^(?:compilerOptions\.paths|imports)\./, "");
  const [start = "", rest] = name.split("*", 2);
  const taken = RUNNER_MODULES.some((module) =>
    rest === undefined ? `${name}/`.startsWith(`${module}/`) : module.startsWith(start),
  );
  return taken && after !== undefined && grew(before, after);
};

const STRICTNESS =
  /^compilerOptions\.(?:strict\w*|alwaysStrict|noImplicit\w+|noUnused\w+|noUnchecked\w+|noFallthrough\w+|noProperty\w+|exactOptional\w+|useUnknownIn\w+|checkJs)$/;

const TSCONFIG = ownGlobs("**/{tsconfig,jsconfig}*.json");
const MANIFEST = ownGlobs("**/package.json");
const PYPROJECT = ownGlobs("**/pyproject.toml");
const CARGO = ownGlobs("**/Cargo.toml");
const SETUP_CFG = ownGlobs("**/setup.cfg");

export const RUNNER = "changes the configuration of a test runner";
export const DEPENDENCIES = "changes dependencies";
export const IN_ITS_PLACE = "puts another module in the place of a test runner's";
export const LAXER = "weakens what a linter or type checker demands";

/** What is told from the fields of a file that parses. */
export const FIELD_RULES: readonly FieldRule[] = [
  {
    files: MANIFEST,
    format: "json",
    keys: /^(?:jest|mocha|vitest|nyc|ava|c8|tap|playwright|jasmine|cypress)\b/,
    what: RUNNER,
    opens: "gates",
  },
  {
    files: MANIFEST,
    format: "json",
    keys: /^(?:dependencies|devDependencies|peerDependencies|optionalDependencies|overrides|resolutions|bundledDependencies|bundleDependencies|pnpm|packageManager|trustedDependencies|allowScripts)\b/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: MANIFEST,
    format: "json",
    keys: /^scripts\.(?:(?:pre|post)?(?:install|prepare)|prepublish)$/,
    what: "changes a script that package managers run by themselves",
    opens: "gates",
  },
  {
    files: MANIFEST,
    format: "json",
    keys: /^eslintConfig\./,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: TSCONFIG,
    format: "json",
    keys: STRICTNESS,
    when: (before, after) => before === true && after !== true,
    onlyEdits: true,
    what: LAXER,
    opens: "gates",
  },
  {
    files: TSCONFIG,
    format: "json",
    keys: /^(?:compilerOptions\.(?:skipLibCheck|allowUnreachableCode|noCheck|suppress\w+)|exclude)$/,
    when: (before, after) => grew(before, after) || (after === true && before !== true),
    onlyEdits: true,
    what: LAXER,
    opens: "gates",
  },
  {
    files: TSCONFIG,
    format: "json",
    keys: /^extends$/,
    onlyEdits: true,
    what: "changes what type checking inherits",
    opens: "gates",
  },
  {
    files: TSCONFIG,
    format: "json",
    keys: /^(?:include|files)$/,
    when: (before, after) => shrank(before, after) || (before === undefined && after !== undefined),
    onlyEdits: true,
    what: "has fewer files type-checked",
    opens: "gates",
  },
  {
    files: TSCONFIG,
    format: "json",
    keys: /^compilerOptions\.paths\./,
    when: takesRunner,
    what: IN_ITS_PLACE,
    opens: "gates",
  },
  {
    files: ownGlobs("**/{deno.json,deno.jsonc,import_map.json,importmap.json}"),
    format: "json",
    keys: /^imports\./,
    when: takesRunner,
    what: IN_ITS_PLACE,
    opens: "gates",
  },
  {
    files: PYPROJECT,
    format: "toml",
    keys: /^(?:tool\.(?:pytest|coverage|tox|nox)\b|project\.entry-points\.["']?(?:pytest|sitecustomize))/,
    what: RUNNER,
    opens: "gates",
  },
  {
    files: PYPROJECT,
    format: "toml",
    keys: /^(?:project\.(?:dependencies|optional-dependencies)|dependency-groups|tool\.poetry\.(?:dependencies|group|dev-dependencies|source)|tool\.(?:uv|pdm)\.(?:sources|index|dev-dependencies|constraint-dependencies|override-dependencies|source))\b/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: PYPROJECT,
    format: "toml",
    keys: /^tool\.(?:ruff|mypy|pyright|basedpyright|pylint|flake8|isort|black)\b/,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: SETUP_CFG,
    format: "ini",
    keys: /^(?:tool:pytest|coverage:|options\.entry_points\.pytest|aliases\.)/,
    what: RUNNER,
    opens: "gates",
  },
  {
    files: SETUP_CFG,
    format: "ini",
    keys: /^options\.(?:\w+_requires?|extras_require\.\S+)$/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: SETUP_CFG,
    format: "ini",
    keys: /^(?:flake8|mypy|pylint|pycodestyle)\b/,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: CARGO,
    format: "toml",
    keys: /(?:^|\.)(?:dependencies|dev-dependencies|build-dependencies|patch|replace)\b/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: CARGO,
    format: "toml",
    keys: /^(?:test$|bench$|package\.auto(?:tests|benches)|lib\.(?:test|doctest|harness))/,
    what: RUNNER,
    opens: "gates",
  },
  {
    files: CARGO,
    format: "toml",
    keys: /(?:^|\.)lints\./,
    what: LAXER,
    when: laxer,
    opens: "gates",
  },
  {
    files: ownGlobs(
      "**/{biome.json,biome.jsonc,.eslintrc,.eslintrc.json,.oxlintrc.json,.stylelintrc,.stylelintrc.json,pyrightconfig.json,deno.json,deno.jsonc}",
    ),
    format: "json",
    keys: /./,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/{ruff,.ruff,clippy,.clippy,rustfmt,taplo}.toml"),
    format: "toml",
    keys: /./,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/{mypy.ini,.mypy.ini,.flake8,.pylintrc,pylintrc,.bandit}"),
    format: "ini",
    keys: /./,
    when: laxer,
    what: LAXER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/.npmrc"),
    format: "ini",
    keys: /^(?:script-shell|node-options|shell|shell-emulator|prefix|ignore-scripts|git|scripts-prepend-node-path|node-gyp|if-present|user-agent|onload-script)$/,
    what: "changes how npm runs scripts",
    opens: "gates",
  },
  {
    files: ownGlobs("**/.npmrc"),
    format: "ini",
    keys: /registry|^\/\//,
    what: "changes where packages come from",
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/.env*"),
    format: "ini",
    keys: /^(?:NODE_OPTIONS|NODE_PATH|NODE_V8_COVERAGE|PYTHON[A-Z]+|PYTEST_\w+|PATH|LD_\w+|DYLD_\w+|BASH_ENV|ENV|SHELL|GIT_\w+|npm_config_\w+|VITEST\w*|JEST_\w+|GOFLAGS|RUSTFLAGS|CARGO_\w+|RUBYOPT|JAVA_TOOL_OPTIONS)$/i,
    what: "sets a variable that reaches into every program a gate starts",
    opens: "gates",
  },
];
