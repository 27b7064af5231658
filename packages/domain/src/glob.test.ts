import { describe, expect, test } from "vitest";
import { globMatcher, globProblem, globsOverlap } from "./glob.ts";

describe("a glob matches a path", () => {
  test.each([
    ["headrace.yaml", "headrace.yaml"],
    [".git/**", ".git/hooks/pre-commit"],
    [".github/workflows/**", ".github/workflows/ci.yml"],
    ["**", ".env"],
    ["**/*.lock", "a/.b/c.lock"],
    ["**/*.lock", "c.lock"],
    ["src/**/test/*.ts", "src/test/a.ts"],
    ["src/**/test/*.ts", "src/a/b/test/c.ts"],
    ["migrations", "migrations/001.sql"],
    ["migrations/", "migrations/deep/er/001.sql"],
    ["a?c", "abc"],
    ["*.{yml,yaml}", "ci.yaml"],
    ["{a,b/{c,d}}/x", "b/d/x"],
    ["app/[id]/page.tsx", "app/[id]/page.tsx"],
    ["*", "what is this\n"],
  ])("%s matches %j", (glob, path) => {
    expect(globMatcher([glob])(path)).toBe(true);
  });

  test.each([
    ["headrace.yaml", "docs/headrace.yaml"],
    ["*.ts", "src/a.ts"],
    ["src/*/a.ts", "src/a.ts"],
    ["a?c", "a/c"],
    ["migrations", "migrations.sql"],
    ["*.{yml,yaml}", "ci.json"],
    ["a.c", "abc"],
    ["src/**/x", "src"],
  ])("%s does not match %j", (glob, path) => {
    expect(globMatcher([glob])(path)).toBe(false);
  });

  test("many stars against a hostile name come to an answer", () => {
    expect(globMatcher([`${"*a".repeat(60)}b`])("a".repeat(2000))).toBe(false);
  });
});

describe("two globs overlap when some path is in both", () => {
  test.each([
    ["src/**", "src/a.ts", true],
    ["**/*.yml", ".github/workflows/**", true],
    [".github/**", ".github/workflows/*.yml", true],
    ["**", "headrace.yaml", true],
    ["*.ts", "*.test.*", true],
    [".github", ".github/workflows/**", true],
    ["src/**", "test/**", false],
    ["*.ts", "*.js", false],
    ["docs/*.md", "docs/*/x.txt", true],
    ["docs/*.md", "docs/x.txt", false],
    ["{a,b}/x", "{b,c}/x", true],
    ["a?", "?b", true],
    ["a?c", "b*", false],
  ])("%s and %s: %s", (a, b, overlap) => {
    expect(globsOverlap(a, b)).toBe(overlap);
    expect(globsOverlap(b, a)).toBe(overlap);
  });
});

test.each([
  ["!src/**", /excludes/],
  ["/src", /starts with/],
  ["a/../b", /`\.\.`/],
  ["./a", /`\.`/],
  ["//", /starts with|nothing/],
  ["{a,b}".repeat(20), /alternatives/],
])("%s cannot be used as a glob", (glob, why) => {
  expect(globProblem(glob)).toMatch(why);
});

test("ordinary globs have no problem", () => {
  for (const glob of ["src/**", "**/*.{lock,lockb}", ".github", "a/[x]/..b"])
    expect(globProblem(glob)).toBeUndefined();
});
