import { describe, expect, test } from "vitest";
import { touchedProtected } from "./protected.ts";

const GLOBS = ["headrace.yaml", ".github/workflows/**", "migrations"];

describe("a change may not touch", () => {
  test("what the policy protects, whatever a permit says", () => {
    const changed = ["src/a.ts", "migrations/1.sql", ".github/workflows/ci.yml", "headrace.yaml"];
    const permits = ["path:migrations/**", "path:**", "lockfile", "gates:test"];
    expect(touchedProtected(changed, GLOBS, permits)).toEqual(changed.slice(1));
  });

  test.each([
    ["package-lock.json", "lockfile"],
    ["packages/a/pnpm-lock.yaml", "lockfile"],
    ["Cargo.lock", "lockfile"],
    ["requirements-dev.txt", "lockfile"],
    ["api/requirements/base.txt", "lockfile"],
    ["vitest.config.ts", "gates:test"],
    ["packages/a/jest.config.js", "gates:test"],
    ["tests/conftest.py", "gates:test"],
    [".mocharc.json", "gates:test"],
  ])("%s, unless it is permitted by %s or by its path", (path, permit) => {
    expect(touchedProtected([path], GLOBS, [])).toEqual([path]);
    expect(touchedProtected([path], GLOBS, ["path:other/**"])).toEqual([path]);
    expect(touchedProtected([path], GLOBS, [permit])).toEqual([]);
    expect(touchedProtected([path], GLOBS, [`path:${path}`])).toEqual([]);
  });
});

test("product, tests and manifests are open to every task", () => {
  const paths = [
    "src/a.ts",
    "test/a.test.ts",
    "package.json",
    "docs/vitest.config.md",
    ".env.sample",
  ];
  expect(touchedProtected(paths, GLOBS, [])).toEqual([]);
});
