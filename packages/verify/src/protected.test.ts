import { describe, expect, test } from "vitest";
import { closedPaths, isImpostor, isInstalled, isRunnerConfig } from "./protected.ts";

test("what the policy protects is closed by its globs, a folder with all that is in it", () => {
  const changed = ["src/a.ts", "migrations/1.sql", ".github/workflows/ci.yml", "headrace.yaml"];
  const globs = ["headrace.yaml", ".github/workflows/**", "migrations"];
  expect(closedPaths(changed, globs)).toEqual(changed.slice(1));
});

describe("by its path alone", () => {
  test.each([
    "vitest.config.ts",
    "packages/a/jest.config.js",
    "vitest.unit.config.mts",
    "tests/conftest.py",
    ".mocharc.json",
    "sitecustomize.py",
    "lib/evil.pth",
    ".cargo/config.toml",
  ])("%s configures a runner", (path) => {
    expect(isRunnerConfig(path)).toBe(true);
  });

  test.each([
    ["src/a.ts", "test/a.test.ts", "package.json", "docs/vitest.config.md", ".env.sample"],
    ["src/jest.ts", "src/config.ts", "app/conftest_notes.md"],
  ])("%s and its like do not", (...paths) => {
    expect(paths.filter(isRunnerConfig)).toEqual([]);
  });

  test("a tool's name in a place that is looked in first is an impostor, a word in a name is not", () => {
    const paths = ["node", "bin/git", "tools/curl", "pytest.py", "src/unittest/__init__.py"];
    expect(paths.filter((path) => !isImpostor(path))).toEqual([]);
    const honest = [
      "bin/node-report",
      "docs/git",
      "src/node.ts",
      "app/pytest_notes.py",
      "src/git/a.ts",
      "python/a.py",
      "tools/git/a.ts",
    ];
    expect(honest.filter(isImpostor)).toEqual([]);
  });

  test("installed packages are told from folders of the like name", () => {
    const paths = [
      "node_modules/a/b.js",
      "web/node_modules/a",
      ".venv/bin/x",
      "lib/site-packages/x.py",
    ];
    expect(paths.filter((path) => !isInstalled(path))).toEqual([]);
    expect(["src/node_modules.ts", "venv.md"].filter(isInstalled)).toEqual([]);
  });
});
