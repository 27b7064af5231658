import { describe, expect, test } from "vitest";
import { found } from "./detect-fixture.ts";

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
        ".venv/bin/python -m pip install -r requirements-dev.txt -r requirements.txt",
      ],
      notes: [],
      tools: [],
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

  test("puts what groups and extras name in their place, and never asks an index for the project itself", async () => {
    const toml = `
[project]
name = "My.App"
dependencies = ["flask", "my_app[cache]"]
[project.optional-dependencies]
cache = ["redis"]
dev = ["my-app[test,cache]", "my-app[dev]", "ruff"]
test = ["pytest", "my_app"]
[dependency-groups]
test = ["coverage", {include-group = "lint"}]
lint = ["mypy", {include-group = "test"}]
`;
    expect((await found({ "pyproject.toml": toml })).setup[1]).toBe(
      ".venv/bin/python -m pip install flask redis pytest ruff coverage mypy",
    );
  });

  test("whose settings alone name pytest gets it all the same", async () => {
    const files = { "requirements.txt": "flask", "pytest.ini": "[pytest]" };
    expect((await found(files)).setup[1]).toMatch(/install -r requirements.txt pytest$/);
    const lock = { "pyproject.toml": "[tool.pytest.ini_options]", "uv.lock": "" };
    expect((await found(lock)).setup[2]).toBe('"$HOME/.uv/bin/uv" pip install pytest');
  });

  const TOOL = (name: string, packages: string) =>
    `python3 -m venv "$HOME/.${name}" && "$HOME/.${name}/bin/pip" install ${packages} && mkdir -p "$HOME/.local/bin" && ln -sf "$HOME/.${name}/bin/${name}" "$HOME/.local/bin/${name}"`;
  const UV =
    '"$HOME/.uv/bin/uv" sync --frozen --no-install-workspace --python "$(command -v python3)" --no-python-downloads';
  const LOCKED = '[[package]]\nname = "pytest"\nversion = "8"\n';
  test.each([
    ["", ">=0.8,<1", ""],
    [
      '[dependency-groups]\ndev = []\ntest = []\ndocs = []\n[project.optional-dependencies]\ntesting = []\n[tool.uv]\nrequired-version = ">=0.9, <0.10"',
      ">=0.9,<0.10",
      " --group dev --group test --extra testing",
    ],
    ['[tool.uv]\nrequired-version = "==1; rm -rf /"', ">=0.8,<1", ""],
    ['[tool.uv.workspace]\nmembers = ["packages/*"]', ">=0.8,<1", " --all-packages"],
    ["[tool.uv.workspace]\n[tool.uv]\nconflicts = []", ">=0.8,<1", ""],
  ])("with uv.lock and %j is installed by uv", async (toml, version, more) => {
    const answer = await found({ "pyproject.toml": toml, "uv.lock": LOCKED });
    expect(answer.setup).toEqual([TOOL("uv", `'uv${version}'`), `${UV}${more}`]);
    expect(answer.gates).toEqual(["test: .venv/bin/python -m pytest"]);
  });

  test("with a uv.lock that names folders of the repository installs none of them", async () => {
    const of = (name: string, source: string) =>
      `[[package]]\nname = "${name}"\nversion = "1"\nsource = { ${source} }\n`;
    const lock = [
      of("app", 'editable = "."'),
      of("lib-a", 'editable = "libs/a"'),
      of("six", 'registry = "https://pypi.org/simple"'),
      of("lib_b", 'directory = "libs/b"').replace('version = "1"\n', ""),
    ];
    const { setup } = await found({ "pyproject.toml": "", "uv.lock": lock.join("\n") });
    expect(setup[1]).toBe(`${UV} --no-install-package lib-a --no-install-package lib_b`);
  });

  const POETRY = TOOL("poetry", "'poetry>=2,<3' poetry-plugin-export");
  const EXPORT = '"$HOME/.poetry/bin/poetry" export --without-urls --output /tmp/locked.txt';
  const INSTALL = ".venv/bin/python -m pip install --no-deps -r /tmp/locked.txt";
  test.each([
    ["", ""],
    ["[tool.poetry.dev-dependencies]\nx = '1'", " --with dev"],
    [
      "[tool.poetry.group.test]\noptional = true\n[tool.poetry.group.docs]\noptional = true\n[tool.poetry.group.ci]\n[dependency-groups]\ndev = []\n[tool.poetry.extras]\ndev = []",
      " --with dev,test,ci --extras dev",
    ],
  ])("with poetry.lock and %j gets what Poetry makes of the lock, by pip", async (toml, more) => {
    const answer = await found({ "pyproject.toml": toml, "poetry.lock": LOCKED });
    expect(answer.setup).toEqual([POETRY, `${EXPORT}${more}`, "python3 -m venv .venv", INSTALL]);
    expect(answer.notes).toEqual([]);
  });

  test("with a poetry.lock of clones and folders installs clones without hashes, and no folders", async () => {
    const source = (type: string) => `[package.source]\ntype = "${type}"\n`;
    const { setup, notes } = await found({
      "pyproject.toml": "",
      "poetry.lock": `${LOCKED}${source("git")}${source("directory")}`,
    });
    expect(setup.slice(3)).toEqual([
      expect.stringMatching(/^sed -i -E '.*' \/tmp\/locked.txt$/),
      expect.stringMatching(/^grep .* > \/tmp\/clones.txt; .* --no-deps -r \/tmp\/clones.txt$/),
      INSTALL,
    ]);
    expect(notes).toEqual([expect.stringMatching(/^Folders .* poetry.lock names/)]);
  });

  test.each([
    [{ "pyproject.toml": "[tool.poetry.dependencies]\nflask = '*'" }, /there is none/],
    [{ "setup.py": "setup(install_requires=['flask'])" }, /in setup.py are not read/],
    [{ "pdm.lock": "" }, /pdm.lock is not read/],
  ])("whose dependencies are not read says so: %j", async (files, note) => {
    expect((await found(files)).notes).toEqual([
      expect.stringMatching(new RegExp(`${note.source}.*headrace.yaml`)),
    ]);
  });

  test("with hashes is installed in a call of its own, with constraints where there are no hashes", async () => {
    const { setup } = await found({
      "requirements.txt": "flask==3 --hash=sha256:00",
      "requirements-dev.txt": "pytest",
      "constraints.txt": "",
    });
    expect(setup.slice(1)).toEqual([
      ".venv/bin/python -m pip install -r requirements.txt",
      ".venv/bin/python -m pip install -r requirements-dev.txt -c constraints.txt",
    ]);
  });

  test("whose requirements name its own folders is installed without them", async () => {
    const answer = await found({
      "requirements.txt": "-r requirements/base.txt\nflask",
      "requirements/base.txt": "-e .\n",
      "requirements/dev.txt": "pytest",
    });
    expect(answer.setup[1]).toMatch(/^sed -i -E '.*' requirements\/base.txt$/);
    expect(answer.setup[2]).toBe(
      ".venv/bin/python -m pip install -r requirements.txt -r requirements/base.txt -r requirements/dev.txt",
    );
  });

  test("of several packages finds the sources of each", async () => {
    const { gates } = await found({
      "pyproject.toml": "",
      "uv.lock": "pytest",
      "packages/a/pyproject.toml": "",
      "packages/a/src/a/__init__.py": "",
      "packages/flat/setup.py": "",
      "packages/flat/flat/__init__.py": "",
      "packages/flat/tests/__init__.py": "",
      "packages/none/pyproject.toml": "",
      "packages/none/tests/__init__.py": "",
      "src/main/x.py": "",
    });
    expect(gates).toEqual([
      "test: PYTHONPATH=packages/a/src:packages/flat:src .venv/bin/python -m pytest",
    ]);
  });

  test("whose tests know no pytest is tested with unittest", async () => {
    const gate = async (...files: string[]) =>
      (await found({ "setup.py": "", ...Object.fromEntries(files.map((f) => [f, ""])) })).gates;
    const discover = "test: .venv/bin/python -m unittest discover";
    expect(await gate("tests/__init__.py", "tests/test_a.py")).toEqual([discover]);
    expect(await gate("test_a.py")).toEqual([discover]);
    // a folder that is no package is only looked into where it is named
    expect(await gate("tests/test_a.py")).toEqual([`${discover} -s tests`]);
  });

  test("with a broken pyproject.toml is a note", async () => {
    expect((await found({ "pyproject.toml": "[[" })).notes).toEqual([
      "pyproject.toml is not valid TOML, so nothing was detected from it.",
    ]);
  });
});
