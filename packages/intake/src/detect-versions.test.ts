import { describe, expect, test } from "vitest";
import { found } from "./detect-fixture.ts";

describe("the version of Node", () => {
  const with20 = (range: string) =>
    `npm install --global --prefix "$HOME/.local" "node-linux-$(node -p process.arch)@${range}"`;
  const LINE_20 = with20("20");

  test.each([
    [{ ".nvmrc": "24" }, "24 .nvmrc", []],
    [{ ".nvmrc": "lts/*" }, "lts/* .nvmrc", []],
    [{ ".nvmrc": "lts/krypton\n" }, "lts/krypton .nvmrc", []],
    [{ ".nvmrc": "# ours\nv20\n" }, "v20 .nvmrc", [LINE_20]],
    [{ ".nvmrc": "lts/iron" }, "lts/iron .nvmrc", [LINE_20]],
    [{ ".node-version": "20.x" }, "20.x .node-version", [LINE_20]],
    [{ ".nvmrc": "20.11.1" }, "20.11.1 .nvmrc", [`${with20("20.11.1")} npm@10`]],
    [{ ".nvmrc": "25.1.0" }, "25.1.0 .nvmrc", [with20("25.1.0")]],
    [{ ".nvmrc": "18" }, "18 .nvmrc", [`${with20("18")} npm@10`]],
    [
      { ".nvmrc": "16.13" },
      "16.13 .nvmrc",
      [`${with20(">=16.13.0 <16.14.0-0 >=16.0.0 <17.0.0")} npm@9`],
    ],
    [{ ".tool-versions": "python 3.11\nnodejs 20 # ours" }, "20 .tool-versions", [LINE_20]],
    [{ "package.json": { engines: { node: ">=18" } } }, ">=18 package.json engines.node", []],
    [
      { "package.json": { engines: { node: ">=18 <21" } } },
      ">=18 <21 package.json engines.node",
      [LINE_20],
    ],
    [
      { "package.json": { engines: { node: "^18.12 || ^20.9" } } },
      "^18.12 || ^20.9 package.json engines.node",
      [with20(">=20.9.0 <21.0.0-0 >=20.0.0 <21.0.0")],
    ],
    [
      { "package.json": { engines: { node: ">=18" }, volta: { node: "20.11.0" } } },
      "20.11.0 package.json volta.node",
      [`${with20("20.11.0")} npm@10`],
    ],
    [
      { "package.json": { devEngines: { runtime: [{ name: "node", version: "^20" }] } } },
      "^20 package.json devEngines.runtime",
      [LINE_20],
    ],
    [{ ".nvmrc": "20", "package.json": { engines: { node: ">=22" } } }, "20 .nvmrc", [LINE_20]],
  ])("of %j is %j", async (files, tool, setup) => {
    const answer = await found(files);
    const [{ version = "", from = "" } = {}] = answer.tools;
    expect(`${version} ${from}`).toBe(tool);
    expect(answer.setup).toEqual(setup);
  });

  test("comes in one command with the package manager", async () => {
    const manifest = { packageManager: "pnpm@9.15.9" };
    const answer = await found({ ".nvmrc": "18", "package.json": manifest, "pnpm-lock.yaml": "" });
    expect(answer.setup[0]).toBe(`${with20("18")} npm@10 pnpm@9.15.9`);
    expect(answer.tools).toEqual([
      { tool: "node", version: "18", from: ".nvmrc" },
      { tool: "pnpm", version: "9.15.9", from: "package.json packageManager" },
    ]);
  });

  test.each(["lts/nonsense", "$(touch x)", "20; rm -rf /"])(
    "%j is told and gets into no command",
    async (text) => {
      const answer = await found({ ".nvmrc": text });
      expect(answer).toMatchObject({ setup: [], tools: [] });
      expect(answer.notes[0]).toMatch(
        /^\.nvmrc asks for Node ".*", which is no version known here/,
      );
    },
  );

  test("is the image's own affair where one is named", async () => {
    expect((await found({ ".nvmrc": "18" }, null)).setup).toEqual([]);
  });
});

describe("the version of Python", () => {
  const project = (range: string) => ({
    "pyproject.toml": `[project]\nrequires-python = "${range}"`,
  });
  const poetry = (range: string) => ({
    "pyproject.toml": `[tool.poetry.dependencies]\npython = "${range}"`,
  });
  test.each([
    [{ ...project(">=3.9"), ".python-version": "3.11.9\n" }, undefined],
    [project(">=3.9"), undefined],
    [project(">=3.8,<3.14,!=3.10.*"), undefined],
    [project("~=3.11"), undefined],
    [project(">=3.12"), 12],
    [project("~=3.12.1"), 12],
    [project("~=3.12"), 12],
    [project(">=3.11.4"), 11],
    [project(">3.11"), 12],
    [project("<3.11"), 9],
    [project("<=3.10"), 9],
    [project("==3.13.*"), 13],
    [project("!=3.11.*,>=3.10"), 10],
    [poetry("^3.9"), undefined],
    [poetry("~3.12"), 12],
    [poetry("^3.12"), 12],
    [poetry("3.10.* || 3.13.*"), 10],
    [{ ...project(">=3.9"), ".python-version": "3.12" }, 12],
    [{ "requirements.txt": "", "runtime.txt": "python-3.10.4" }, 10],
    [{ "setup.py": "", "setup.cfg": "[options]\npython_requires = >=3.12" }, 12],
    [{ "setup.py": "", ".tool-versions": "python 3.13.1" }, 13],
  ])("of %j asks for %j", async (files, minor) => {
    const { image } = await found(files as Record<string, string>);
    expect(image).toBe(minor && `docker.io/library/python:3.${minor}-bookworm`);
  });

  test("that no image has, or that is none, is told", async () => {
    expect((await found(project("<3"))).notes[0]).toContain("there is no image of it known here");
    expect((await found(project("pypy"))).notes[0]).toContain("which is no version known here");
  });

  test("is the image's own affair where one is named", async () => {
    const answer = await found(project(">=3.12"), null);
    expect(answer.image).toBeUndefined();
    expect(answer.tools).toEqual([
      { tool: "python", version: ">=3.12", from: "pyproject.toml requires-python" },
    ]);
  });

  test("that is another patch than the image's is told", async () => {
    const { image, notes } = await found({ ...project(">=3.9"), ".python-version": "3.11.4" });
    expect(image).toBeUndefined();
    expect(notes[0]).toContain(
      ".python-version asks for Python 3.11.4, and the base image has 3.11.2",
    );
    expect((await found(project(">=3.9"))).notes).toEqual([]);
    expect((await found({ ...project(">=3.9"), ".python-version": "3.11.2" })).notes).toEqual([]);
  });
});
