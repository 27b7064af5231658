import { expect, it } from "vitest";
import { brokenFiles } from "./broken-files.ts";

const pathsOf = (paths: readonly string[], spared: readonly string[] = []): string[] => [
  ...(brokenFiles(paths, new Set(spared))?.files.keys() ?? []),
];

it.each([
  ["JavaScript", ["src/a.js", "lib/b.mjs", "test/a.test.js"]],
  ["TypeScript", ["src/a.ts", "src/view.tsx", "src/a.test.ts", "types.d.ts"]],
  ["Vue", ["src/App.vue"]],
  ["Python", ["pkg/__init__.py", "pkg/core.py", "tests/test_core.py"]],
  ["Go", ["main.go", "internal/x/x_test.go"]],
  ["Rust", ["src/lib.rs", "tests/it.rs"]],
  ["Java", ["src/main/java/A.java", "src/test/java/ATest.java"]],
  ["C", ["src/a.c", "include/a.h"]],
  ["Ruby", ["lib/a.rb", "spec/a_spec.rb"]],
  ["shell", ["install.sh", "test/install.bats"]],
])("every source file of %s is broken, product and tests alike", (_language, paths) => {
  expect(pathsOf(paths)).toEqual(paths);
});

it.each([
  [
    "configuration",
    ["vitest.config.ts", "web/jest.config.js", "eslint.config.mjs", ".eslintrc.cjs"],
  ],
  ["what runs tests", ["conftest.py", "tests/conftest.py", "noxfile.py", "setup.py", "manage.py"]],
  ["build scripts", ["build.rs", "build.gradle.kts", "gulpfile.js"]],
  ["installed files", ["node_modules/a/index.js", ".venv/lib/x.py", "web/node_modules/b/b.js"]],
  ["generated files", ["dist/a.js", "vendor/lib/x.go", "api/x_pb2.py", "a.min.js"]],
  ["data, text and configuration", ["package.json", "README.md", "a.yaml", "a.css", "Makefile"]],
])("%s stay as they are", (_what, paths) => {
  expect(pathsOf(paths)).toEqual([]);
});

it("the scripts that gates themselves are stay as they are, whatever lies beside them", () => {
  expect(pathsOf(["scripts/check.sh", "src/a.py"], ["scripts/check.sh"])).toEqual(["src/a.py"]);
});

it("tells how many files of which language were broken", () => {
  const told = brokenFiles(["a.py", "b.py", "c.ts", "d.md"], new Set())?.told;
  expect(told).toBe("2 Python files, 1 TypeScript file");
});
