import { expect, test } from "vitest";
import { packageHostNotes } from "./package-hosts.ts";
import { treeOf } from "./tree-fixture.ts";

const resolved = (...urls: string[]) =>
  JSON.stringify({ packages: Object.fromEntries(urls.map((u, i) => [i, { resolved: u }])) });
const note = (file: string, host: string) =>
  `${file} takes packages from ${host}, which no registry in config.yaml names: see configuration.md, whose place \`headrace --help\` tells`;

test("a host that set-up cannot reach is told once, without user and password", async () => {
  const tree = treeOf({
    "package-lock.json": resolved(
      "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
      "http://127.0.0.1:4873/b/-/b-1.0.0.tgz",
      "https://npm.company.dev/c/-/c-1.0.0.tgz",
      "https://npm.company.dev/d/-/d-1.0.0.tgz",
      "git+ssh://git@host.example/e.git#0",
    ),
    "app/.npmrc":
      "; registry=https://no.example/\n@own:registry=https://ann:sesame@own.example/x\n",
    "node_modules/x/package-lock.json": resolved("https://installed.example/x.tgz"),
  });
  expect(await packageHostNotes(tree, [])).toEqual([
    note("app/.npmrc", "own.example"),
    note("package-lock.json", "127.0.0.1:4873"),
    note("package-lock.json", "npm.company.dev"),
  ]);
});

test("registries of the installation and public ones are not told of", async () => {
  const tree = treeOf({
    "package-lock.json": resolved("https://npm.company.dev/c/-/c-1.0.0.tgz"),
    "yarn.lock": '"a@1":\n  resolved "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz#0"\n',
    "uv.lock": 'source = { registry = "https://pypi.org/simple" }\n',
  });
  expect(await packageHostNotes(tree, ["npm.company.dev"])).toEqual([]);
});

test("an index beside PyPI is told of, whichever tool's file names it", async () => {
  const login = ["ann", "sesame"].join(":");
  const tree = treeOf({
    "requirements-dev.txt": `--extra-index-url https://${login}@pip.company.dev/simple\na==1\n`,
    "pyproject.toml":
      '[[tool.uv.index]]\nname = "company"\n\nurl = "https://uv.company.dev/simple"\n[project.urls]\nurl = "https://no.example/"\n',
    "app/poetry.lock":
      '[package.source]\ntype = "legacy"\nurl = "https://poetry.company.dev/simple"\nreference = "company"\n',
    "notes/requirements.txt": "# -i https://no.example/\nb @ https://direct.example/b.whl\n",
  });
  expect(await packageHostNotes(tree, [])).toEqual([
    note("app/poetry.lock", "poetry.company.dev"),
    note("pyproject.toml", "uv.company.dev"),
    note("requirements-dev.txt", "pip.company.dev"),
  ]);
});
