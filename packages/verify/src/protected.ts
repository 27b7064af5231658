import { globMatcher, globProblem } from "@headrace/domain";
import { ownGlobs } from "./tamper/own-globs.ts";

/** What the policy closes to every task, whatever its permits say. */
export const closedPaths = (changed: readonly string[], globs: readonly string[]): string[] =>
  changed.filter(globMatcher(globs));

/**
 * Whether something at `path` that stands for a whole folder, as a link does, would stand for one with closed paths. Of
 * globs that start anywhere nothing is above.
 */
export const holdsClosed = (path: string, globs: readonly string[]): boolean => {
  const depth = path.split("/").length;
  return globs.some((glob) => {
    const parts = glob.split("/");
    const above = parts.slice(0, depth).join("/");
    return (
      parts.length > depth &&
      parts[0] !== "**" &&
      globProblem(above) === undefined &&
      globMatcher([above])(path)
    );
  });
};

const SCRIPT = "{js,cjs,mjs,ts,cts,mts,json}";

/** What decides which tests run and how, by its path alone; creating one counts as much as an edit. */
export const isRunnerConfig = ownGlobs(
  `**/{vitest,jest,playwright,cypress,karma,ava,nyc,c8,mocha,wdio,jasmine,stryker}.{config,conf}.${SCRIPT}`,
  `**/{vitest,jest}.*.config.${SCRIPT}`,
  `**/{vitest,jest}.{workspace,setup,preset,projects}*.${SCRIPT}`,
  "**/.{mocharc,nycrc,c8rc,taprc,jestrc}*",
  "**/{bunfig.toml,jasmine.json,phpunit.xml,phpunit.xml.dist,testng.xml,junit-platform.properties}",
  "**/{pytest.ini,.pytest.ini,tox.ini,conftest.py,.coveragerc,noxfile.py}",
  "**/{sitecustomize,usercustomize}.py",
  "**/*.pth",
  "**/{codecov,.codecov}.{yml,yaml}",
  "**/.cargo/{config,config.toml}",
  "**/.config/nextest.toml",
  "**/{.rspec,spec_helper.rb,rails_helper.rb,test_helper.rb}",
);

const TOOLS =
  "node|npm|npx|pnpm|yarn|bun|git|curl|sh|bash|env|python|python3|pip|uv|pytest|tox|make|go|cargo|rustc|java|mvn|gradle|ruby|bundle|rspec|tsc|vitest|jest|mocha|eslint|biome|ruff|mypy";
const PROGRAM = new RegExp(`^(?:(?:.*/)?(?:bin|\\.bin|sbin|scripts|tools)/)?(?:${TOOLS})$`, "s");
const MODULE =
  /^(?:src\/|lib\/|python\/)?(?:pytest|_pytest|unittest|pluggy|coverage|tox|nose|mypy|ruff)(?:\.py|\/__init__\.py)$/;

/** A program or module under the name of a tool that gates use: whoever looks there first runs it instead. */
export const isImpostor = (path: string): boolean => PROGRAM.test(path) || MODULE.test(path);

/** Installed packages belong to the environment, never to the tree; a link by such a name would stand before them. */
export const isInstalled = ownGlobs("**/{node_modules,site-packages,dist-packages,.venv}");
