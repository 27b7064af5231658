import { describe, expect, test } from "vitest";
import { detect } from "./detect.ts";
import { manifestPaths } from "./manifests.ts";
import { treeOf } from "./tree-fixture.ts";

const found = async (files: Record<string, string | object>) => {
  const texts = Object.entries(files).map(([path, content]) => [
    path,
    typeof content === "string" ? content : JSON.stringify(content),
  ]);
  const { gates, setup, notes } = await detect(treeOf(Object.fromEntries(texts)));
  return { gates: gates.map((gate) => `${gate.name}: ${gate.run}`), setup, notes };
};

test("an empty repository gives nothing", async () => {
  expect(await found({ "README.md": "# hi" })).toEqual({ gates: [], setup: [], notes: [] });
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
    });
  });

  test("does not take npm's default for a test", async () => {
    const test = 'echo "Error: no test specified" && exit 1';
    expect((await found({ "package.json": { scripts: { test, check: "tsc" } } })).gates).toEqual([
      "lint: npm run check",
    ]);
  });

  test.each([
    ["package-lock.json", {}, ["npm ci"]],
    ["npm-shrinkwrap.json", {}, ["npm ci"]],
    [
      "pnpm-lock.yaml",
      { packageManager: "pnpm@9.1.0+sha512.00" },
      ["npx --yes pnpm@9.1.0 install --frozen-lockfile"],
    ],
    ["pnpm-lock.yaml", {}, ["npx --yes pnpm@latest install --frozen-lockfile"]],
    ["yarn.lock", {}, ["npx --yes yarn@1 install --frozen-lockfile"]],
    [
      "yarn.lock",
      { packageManager: "yarn@4.5.0" },
      ["npx --yes @yarnpkg/cli-dist@4.5.0 install --immutable"],
    ],
    ["bun.lock", {}, ["npx --yes bun@latest install --frozen-lockfile"]],
    [
      "pnpm-lock.yaml",
      { packageManager: "pnpm@9; rm -rf /" },
      ["npx --yes pnpm@9 install --frozen-lockfile"],
    ],
  ])("with %s and %j is installed by %j", async (lock, manifest, setup) => {
    expect((await found({ "package.json": manifest, [lock]: "" })).setup).toEqual(setup);
  });

  test("with a modern yarn lockfile is installed by a modern yarn", async () => {
    const { setup } = await found({ "package.json": {}, "yarn.lock": "__metadata:\n  version: 8" });
    expect(setup).toEqual(["npx --yes @yarnpkg/cli-dist@4 install --immutable"]);
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
    expect(answer.setup).toEqual(["npm ci --ignore-scripts", "npm rebuild"]);
    expect(answer.notes[0]).toContain("postinstall, prepare script is not run at set-up");
  });

  test.each(["{", "[]", "null", '"x"'])(
    "with the manifest %s is a note, not an error",
    async (text) => {
      const answer = await found({ "package.json": text });
      expect(answer).toEqual({
        gates: [],
        setup: [],
        notes: ["package.json is not valid JSON, so nothing was detected from it."],
      });
    },
  );

  test("whose scripts are not what they should be gives no gates", async () => {
    expect((await found({ "package.json": { scripts: { test: 1 } } })).gates).toEqual([]);
  });
});

describe("a Python project", () => {
  test("with requirements gets a virtual environment in which its gates run", async () => {
    expect(
      await found({
        "requirements.txt": "flask",
        "requirements-dev.txt": "pytest",
        "src/app/main.py": "",
      }),
    ).toEqual({
      gates: ["test: PYTHONPATH=src .venv/bin/python -m pytest"],
      setup: [
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install -r requirements.txt -r requirements-dev.txt",
      ],
      notes: [],
    });
  });

  test("without a lockfile installs what pyproject.toml declares, as single words of the shell", async () => {
    const toml = `
[project]
dependencies = ["requests>=2", "odd'; rm -rf / #"]
[project.optional-dependencies]
docs = ["sphinx"]
test = ["pytest"]
[dependency-groups]
dev = ["ruff", {include-group = "x"}]
`;
    expect((await found({ "pyproject.toml": toml })).setup[1]).toBe(
      ".venv/bin/python -m pip install 'requests>=2' 'odd'\\''; rm -rf / #' pytest ruff",
    );
  });

  test.each([
    ["uv.lock", "/tmp/uv/bin/uv sync --frozen --no-install-project"],
    ["poetry.lock", "/tmp/poetry/bin/poetry install --no-root"],
  ])("with %s is installed by the tool that made it", async (lock, command) => {
    const answer = await found({ "pyproject.toml": "", [lock]: "pytest" });
    expect(answer.setup).toHaveLength(1);
    expect(answer.setup[0]).toContain(command);
    expect(answer.gates).toEqual(["test: .venv/bin/python -m pytest"]);
  });

  test("whose tests know no pytest is tested with unittest", async () => {
    const answer = await found({ "setup.py": "", "tests/test_a.py": "" });
    expect(answer.gates).toEqual(["test: .venv/bin/python -m unittest discover"]);
  });

  test("with a broken pyproject.toml is a note", async () => {
    expect((await found({ "pyproject.toml": "[[" })).notes).toEqual([
      "pyproject.toml is not valid TOML, so nothing was detected from it.",
    ]);
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
