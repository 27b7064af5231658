import { Gate } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { changedGateScripts, gateScope } from "./gate-scripts.ts";

/** What is held against a change of one file, where gates run `run` on a base with these files. */
const changing = async (
  run: string,
  base: Record<string, string>,
  path: string,
  after: string | undefined,
): Promise<string[]> => {
  const scope = await gateScope([Gate.parse({ name: "test", run })], {
    has: (name) => base[name] !== undefined,
    read: async (name) => base[name],
  });
  return changedGateScripts(scope, { path, before: base[path], after });
};

describe("scripts of package.json", () => {
  const OLD = {
    test: "npm run lint && vitest run",
    lint: "biome check",
    pretest: "tsc",
    start: "node index.js",
  };
  const scripts = async (now: Record<string, string> | undefined, run = "npm test") => {
    const base = { "package.json": JSON.stringify({ scripts: OLD }) };
    const after = now && JSON.stringify({ scripts: now });
    const found = await changing(run, base, "package.json", after);
    return found.map((what) => /"(.*)"/.exec(what)?.[1]);
  };

  test("stay as they were where a gate runs them, they run them, or npm runs them with it", async () => {
    expect(await scripts({ ...OLD, test: "true" })).toEqual(["test"]);
    expect(await scripts({ ...OLD, lint: "true" })).toEqual(["lint"]);
    expect(await scripts({ ...OLD, pretest: "rm -r test" })).toEqual(["pretest"]);
    expect(await scripts({ ...OLD, posttest: "rm -r test" })).toEqual(["posttest"]);
    expect(await scripts({ start: OLD.start })).toEqual(["test", "lint", "pretest"]);
    expect(await scripts(undefined)).toEqual(["test", "lint", "pretest"]);
  });

  test("are the coder's where no gate runs them, and so is a script that was not there", async () => {
    expect(await scripts({ ...OLD, start: "node main.js", build: "tsc -b" })).toEqual([]);
    expect(await scripts({ ...OLD, test: "true" }, "npx vitest run")).toEqual([]);
    expect(await scripts({ ...OLD, typecheck: "tsc" }, "npm run typecheck")).toEqual([]);
  });
});

describe("a Makefile", () => {
  const MAKE =
    "PY = python3\n\ntest: unit\n\t$(PY) -m pytest\n\nunit:\n\tsh scripts/unit.sh\n\nclean:\n\trm -rf out\n";
  const base = { Makefile: MAKE, "scripts/unit.sh": "pytest tests/unit\n" };
  const make = (after: string) => changing("make test", base, "Makefile", after);

  test("keeps what a gate's target does, what that needs, and the variables it uses", async () => {
    expect(await make(MAKE.replace("-m pytest", "-m pytest || true"))).toHaveLength(1);
    expect(await make(MAKE.replace("sh scripts/unit.sh", "true"))).toHaveLength(1);
    expect(await make(MAKE.replace("test: unit", "test:"))).toHaveLength(1);
    expect(await make(`${MAKE}PY = true\n`)).toHaveLength(1);
    expect(await make(`${MAKE}SHELL = /bin/true\n`)).toHaveLength(1);
    expect(await make(`${MAKE}\ntest:\n\ttrue\n`)).toHaveLength(1);
    expect(await make(`include other.mk\n${MAKE}`)).toHaveLength(1);
  });

  test("is open besides: other targets, variables of their own, comments", async () => {
    const docs = "\nOUT = out/docs\n# the manual\ndocs:\n\tmkdocs -d $(OUT)\n";
    expect(await make(MAKE + docs)).toEqual([]);
    expect(await make(MAKE.replace("rm -rf out", "rm -rf out build"))).toEqual([]);
  });

  test("is not replaced by one that make looks for first", async () => {
    expect(await changing("make test", base, "GNUmakefile", "test:\n\ttrue\n")).toHaveLength(1);
  });

  test("names scripts that stay as they were, too", async () => {
    expect(await changing("make test", base, "scripts/unit.sh", "exit 0\n")).toHaveLength(1);
  });
});

test("scripts that a gate's command names are followed, to those they name in turn", async () => {
  const base = {
    "scripts/test.sh": "set -e\n./scripts/lint.sh\nnode --test\n",
    "scripts/lint.sh": "eslint .\n",
    "scripts/deploy.sh": "echo\n",
    "api/check": "true\n",
    "src/main.py": "print()\n",
  };
  for (const path of ["scripts/test.sh", "scripts/lint.sh"])
    expect(await changing("./scripts/test.sh", base, path, "exit 0\n")).toHaveLength(1);
  expect(await changing("./scripts/test.sh", base, "scripts/deploy.sh", "x\n")).toEqual([]);
  expect(await changing("cd api && ./check", base, "api/check", "exit 0\n")).toHaveLength(1);
  expect(await changing("python src/main.py --help", base, "src/main.py", "x\n")).toEqual([]);
});

describe("a base whose gates run more than is followed", () => {
  const many = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i));
  const ENDLESS: readonly (readonly [string, string])[] = [
    ["folders on one line", `${many(10_000, (i) => `-C d${i}`).join(" ")} make\n`],
    ["lines", many(10_000, (i) => `echo ${i}\n`).join("")],
    ["text", `${"#".repeat(300_000)}\n`],
    ["globs", many(1000, (i) => `sh c${i}/*.sh\n`).join("")],
  ];

  test.each(ENDLESS)("by its %s has all its scripts as gates'", async (_, text) => {
    const base = {
      "check.sh": text,
      "scripts/other.sh": "true\n",
      "package.json": JSON.stringify({ scripts: { other: "tsc" } }),
      Makefile: "other:\n\ttsc\n",
      "src/index.js": "export {};\n",
    };
    const change = (path: string, after: string) => changing("sh check.sh", base, path, after);
    expect(await change("scripts/other.sh", "false\n")).toHaveLength(1);
    expect(await change("Makefile", "other:\n\ttrue\n")).toHaveLength(1);
    expect(await change("package.json", '{"scripts":{"other":"true"}}')).toHaveLength(1);
    expect(await change("scripts/new.sh", "true\n")).toEqual([]);
    expect(await change("src/index.js", "export const a = 1;\n")).toEqual([]);
  });

  test("is read once, however often it is named", async () => {
    const script = many(2000, (i) => `cd a && npm run x${i % 7} ${i}\n`).join("");
    const base: Record<string, string> = { "check.sh": script, "a/package.json": "{}" };
    const read: string[] = [];
    await gateScope([Gate.parse({ name: "test", run: "sh check.sh" })], {
      has: (name) => base[name] !== undefined,
      read: async (name) => {
        read.push(name);
        return base[name];
      },
    });
    expect(read).toEqual(["check.sh", "a/package.json"]);
  });

  test("is followed where a Makefile has targets by the thousand", async () => {
    const rules = many(
      4000,
      (i) => `t${i}: ${many(20, (j) => `t${(i + j * 7) % 4000}`).join(" ")}\n\ttrue ${i}\n`,
    );
    const base = { Makefile: rules.join("\n") };
    const after = base.Makefile.replace("true 3999", "false");
    expect(await changing("make t0", base, "Makefile", after)).toHaveLength(1);
  });
});

test("a script whose own name begins as a hook's is followed", async () => {
  const scripts = { test: "npm run prepare", prepare: "tsc" };
  const base = { "package.json": JSON.stringify({ scripts }) };
  const after = JSON.stringify({ scripts: { ...scripts, prepare: "true" } });
  expect(await changing("npm test", base, "package.json", after)).toHaveLength(1);
});
