import { describe, expect, test } from "vitest";
import { found } from "./detect-fixture.ts";
import { manifestPaths } from "./manifests.ts";

test("an empty repository gives nothing", async () => {
  expect(await found({ "README.md": "# hi" })).toEqual({
    gates: [],
    setup: [],
    notes: [],
    tools: [],
  });
});

describe("a Node package", () => {
  const scripts = { test: "vitest run", lint: "biome check", "check:types": "tsc", build: "tsc" };

  test("gives its scripts as gates, cheap ones first", async () => {
    expect(await found({ "package.json": { scripts }, "package-lock.json": {} })).toEqual({
      gates: [
        "typecheck: npm run check:types",
        "lint: npm run lint",
        "test: npm test",
        "build: npm run build",
      ],
      setup: ["npm ci"],
      notes: [],
      tools: [],
    });
  });

  test("does not take npm's default for a test", async () => {
    const test = 'echo "Error: no test specified" && exit 1';
    expect((await found({ "package.json": { scripts: { test, check: "tsc" } } })).gates).toEqual([
      "lint: npm run check",
    ]);
  });

  const PNPM =
    "pnpm config set --location=global verifyDepsBeforeRun false && pnpm install --frozen-lockfile";
  const GLOBAL = 'npm install --global --prefix "$HOME/.local"';
  test.each([
    ["package-lock.json", "", {}, ["npm ci"]],
    ["package-lock.json", "", { engines: { npm: ">=9" } }, ["npm ci"]],
    ["npm-shrinkwrap.json", "", {}, ["npm ci"]],
    ["package-lock.json", "", { packageManager: "npm@10.8.2" }, [`${GLOBAL} npm@10.8.2`, "npm ci"]],
    [
      "pnpm-lock.yaml",
      "",
      { packageManager: "pnpm@9.1.0+sha512.00" },
      [`${GLOBAL} pnpm@9.1.0`, PNPM],
    ],
    ["pnpm-lock.yaml", "lockfileVersion: '6.0'", {}, [`${GLOBAL} pnpm@8`, PNPM]],
    [
      "pnpm-lock.yaml",
      "lockfileVersion: '9.0'",
      { engines: { pnpm: ">=9 <10" } },
      [`${GLOBAL} 'pnpm@>=9.0.0 <10.0.0-0'`, PNPM],
    ],
    [
      "pnpm-lock.yaml",
      "",
      { devEngines: { packageManager: { name: "pnpm", version: "9.15.0" } } },
      [`${GLOBAL} pnpm@9.15.0`, PNPM],
    ],
    ["yarn.lock", "", {}, [`${GLOBAL} yarn@1`, "yarn install --frozen-lockfile"]],
    [
      "yarn.lock",
      "",
      { packageManager: "yarn@4.5.0" },
      [`${GLOBAL} @yarnpkg/cli-dist@4.5.0`, "yarn install --immutable"],
    ],
    [
      "yarn.lock",
      "__metadata:\n  version: 8",
      {},
      [`${GLOBAL} @yarnpkg/cli-dist@4`, "yarn install --immutable"],
    ],
    ["bun.lock", "", {}, [`${GLOBAL} bun@1`, "bun install --frozen-lockfile"]],
    ["pnpm-lock.yaml", "", { packageManager: "pnpm@9; rm -rf /" }, [`${GLOBAL} pnpm@10`, PNPM]],
  ])("with %s %j and %j is installed by its own manager", async (lock, text, manifest, setup) => {
    expect((await found({ "package.json": manifest, [lock]: text })).setup).toEqual(setup);
  });

  test.each([
    ["pnpm-lock.yaml", ["lint: pnpm run lint", "test: pnpm test"]],
    ["yarn.lock", ["lint: yarn run lint", "test: yarn test"]],
    ["bun.lock", ["lint: bun run lint", "test: bun run test"]],
  ])("with %s has its scripts run by its own manager", async (lock, gates) => {
    const manifest = { scripts: { test: "x", lint: "y" } };
    expect((await found({ "package.json": manifest, [lock]: "" })).gates).toEqual(gates);
  });

  test("without a lockfile is installed all the same, with a warning", async () => {
    const answer = await found({ "package.json": { dependencies: { left: "1" } } });
    expect(answer.setup).toEqual(["npm install"]);
    expect(answer.notes).toEqual([
      "There is no lockfile: two set-ups may install different versions.",
    ]);
  });

  test("without dependencies needs no setup", async () => {
    expect((await found({ "package.json": { scripts } })).setup).toEqual([]);
  });

  test("whose own install scripts need sources is installed without them", async () => {
    const manifest = { scripts: { prepare: "tsc", postinstall: "node x.js" } };
    const answer = await found({ "package.json": manifest, "package-lock.json": {} });
    expect(answer.setup).toEqual([
      'for p in .; do npm pkg delete --prefix "$p" scripts.preinstall scripts.install scripts.postinstall scripts.prepublish scripts.prepare || exit; done',
      "npm ci",
    ]);
    expect(answer.notes[0]).toContain("own install scripts are not run at set-up");
  });

  test("with workspaces whose install scripts need sources is installed without them", async () => {
    const answer = await found({
      "package.json": { workspaces: ["packages/*"] },
      "packages/a/package.json": { scripts: { prepare: "tsc" } },
      "packages/b c/package.json": { scripts: { postinstall: "x" } },
      "packages/d/package.json": { scripts: { test: "x" } },
      "package-lock.json": {},
    });
    expect(answer.setup[0]).toMatch(/^for p in packages\/a 'packages\/b c'; do npm pkg delete /);
  });

  test.each(["{", "[]", "null", '"x"'])(
    "with the manifest %s is a note, not an error",
    async (text) => {
      const answer = await found({ "package.json": text });
      expect(answer).toEqual({
        gates: [],
        setup: [],
        tools: [],
        notes: ["package.json is not valid JSON, so nothing was detected from it."],
      });
    },
  );

  test("whose scripts are not what they should be gives no gates", async () => {
    expect((await found({ "package.json": { scripts: { test: 1 } } })).gates).toEqual([]);
  });
});

describe("other ecosystems", () => {
  test("a Go module", async () => {
    const answer = await found({ "go.mod": "module x" });
    expect(answer.gates).toEqual(["vet: go vet ./...", "test: go test ./..."]);
    expect(answer.setup).toEqual(["go mod download"]);
    expect(answer.notes[0]).toContain("The base image has no go");
  });

  test("a Rust crate, whose manifest cargo reads only with a target", async () => {
    const answer = await found({ "Cargo.toml": "[package]" });
    expect(answer.gates).toEqual(["test: cargo test --offline"]);
    expect(answer.setup).toEqual([
      "mkdir -p src && touch src/lib.rs && cargo fetch && rm src/lib.rs",
    ]);
  });

  test.each([
    ["test:\n\tgo test", ["test: make test"]],
    ["all: test\ntest: all\n", ["test: make test"]],
    ["test := 1\n", []],
    ["tests:\n", []],
  ])("a Makefile with %j", async (text, gates) => {
    expect((await found({ Makefile: text })).gates).toEqual(gates);
  });

  test("side by side keep their own names, and a Makefile does not repeat them", async () => {
    const files = {
      "package.json": { scripts: { test: "x" } },
      "pytest.ini": "",
      Makefile: "test:",
    };
    expect((await found(files)).gates).toEqual([
      "test: npm test",
      "pytest: .venv/bin/python -m pytest",
    ]);
  });
});

test("set-up sees manifests, lockfiles and what they refer to, of every workspace, and nothing else", () => {
  const wanted = [
    ".npmrc",
    ".nvmrc",
    "package-lock.json",
    "package.json",
    "packages/a/package.json",
    "patches/left+1.0.0.patch",
    "pnpm-workspace.yaml",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements/base.txt",
    "rust-toolchain.toml",
    "setup.cfg",
    "uv.lock",
  ];
  const other = [
    "README.md",
    "node_modules/x/package.json",
    "package.json.bak",
    "packages/a/src/index.ts",
    "src/requirements.md",
    "tsconfig.json",
  ];
  expect(manifestPaths([...other, ...wanted.toReversed()])).toEqual(wanted);
});
