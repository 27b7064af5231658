import type { Opening } from "./change.ts";
import { DEPENDENCIES, IN_ITS_PLACE, LAXER, RUNNER, RUNNER_MODULES } from "./config-rules.ts";
import { ownGlobs } from "./own-globs.ts";

type LineRule = {
  files: (path: string) => boolean;
  /** tried on lines that are new */
  added?: RegExp;
  /** of what there may not be less than there was */
  fewer?: RegExp;
  what: string;
  opens: Opening;
};

const MODULES = RUNNER_MODULES.map((name) => `${name}(?:/[\\w-]{1,40})?`).join("|");

/** `"vitest": ...`, `vitest: "./mine.ts"`, `{ find: "vitest", ... }`. */
const ALIAS = new RegExp(
  `["'](?:${MODULES})["']\\s{0,8}:|(?:^|[{,]\\s{0,8})(?:${MODULES})\\s{0,8}:\\s{0,8}["'\`]|\\bfind\\s{0,8}:\\s{0,8}["'\`/^]{1,3}(?:${MODULES})\\b`,
);

/** What is told from lines, in files that are programs or that nobody needs parsed. */
export const LINE_RULES: readonly LineRule[] = [
  {
    files: ownGlobs("**/.{eslint,stylelint,oxlint,pylint,ruff,flake8}ignore"),
    added: /^[^#]/,
    what: "takes files from a linter",
    opens: "gates",
  },
  {
    files: ownGlobs(
      "**/{vite,webpack,rollup,rspack,rsbuild,esbuild,babel,metro}.config.*",
      "**/{.babelrc,.swcrc}*",
    ),
    added: ALIAS,
    what: IN_ITS_PLACE,
    opens: "gates",
  },
  {
    files: ownGlobs("**/.gitattributes"),
    added:
      /^[^#]{0,2000}\s[!-]?(?:export-ignore|export-subst|filter|eol|text|crlf|working-tree-encoding|ident|merge)(?:\s|=|$)/,
    what: "changes what bytes git hands out",
    opens: "path",
  },
  {
    files: ownGlobs(
      "**/eslint.config.*",
      "**/.eslintrc.{js,cjs,mjs,yml,yaml}",
      "**/.{stylelintrc,rubocop,pylint,golangci}*.{yml,yaml,js,cjs}",
    ),
    added:
      /["']?\boff\b["']?\s{0,20}[\],}]?|:\s{0,20}0\s{0,20}[,}]|\b(?:globalI|i)gnore(?:s|Patterns)?\b|\b(?:disable|exclude|skip)[\w-]{0,40}\s{0,20}:|Enabled:\s{0,20}false/,
    what: LAXER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/eslint.config.*", "**/.eslintrc.{js,cjs,mjs,yml,yaml}"),
    fewer: /["']error["']|:\s{0,20}2\s{0,20}[,}]|\b(?:recommended|strict)/gi,
    what: LAXER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/go.mod"),
    added:
      /^(?!module\b|go\s|toolchain\b|\/\/|[()]|require\s{0,8}\(|replace\s{0,8}\().{0,2000}(?:\sv\d|=>)|^(?:exclude|retract)\b/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/{Gemfile,Pipfile}"),
    added: /^[^#]/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/pom.xml", "**/*.gradle", "**/*.gradle.kts"),
    added:
      /skipTests|maven\.test\.skip|testFailureIgnore|ignoreFailures|\bexcludeTestsMatching|\benabled\s{0,8}=\s{0,8}false/,
    what: RUNNER,
    opens: "gates",
  },
  {
    files: ownGlobs("**/pom.xml", "**/*.gradle", "**/*.gradle.kts", "**/libs.versions.toml"),
    added:
      /<(?:dependency|artifactId|version)>|^\s{0,200}(?:implementation|api|testImplementation|runtimeOnly|compileOnly|classpath)\b/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/{.yarnrc.yml,.pnpmfile.cjs,.pnpmfile.mjs,pnpm-workspace.yaml}"),
    added: /^[^#]/,
    what: "changes how packages are installed",
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/setup.py"),
    added: /install_requires|extras_require|pytest11|cmdclass/,
    what: DEPENDENCIES,
    opens: "lockfile",
  },
  {
    files: ownGlobs("**/{Taskfile.yml,Taskfile.yaml}"),
    added: /\|\|\s{0,8}true\b|\bexit\s{1,8}0\b|ignore_error:\s{0,8}true/,
    what: "makes a task end well whatever happens",
    opens: "gates",
  },
];
