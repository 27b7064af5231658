import { globMatcher } from "@headrace/domain";
import { expect, test } from "vitest";
import { createEgress } from "./egress.ts";
import type { PrivateRegistry } from "./types.ts";

const registry = (
  more: Partial<PrivateRegistry> & Pick<PrivateRegistry, "name" | "kind" | "url">,
) => {
  return { scopes: [], placeholders: [], ...more };
};
const acme = registry({
  ...{ name: "acme", kind: "npm", url: "https://npm.acme.dev/repo/", scopes: ["@acme"] },
});
const inner = registry({ name: "inner", kind: "other", url: "https://npm.acme.dev/repo/inner" });
const local = registry({
  name: "local",
  kind: "npm",
  url: "http://127.0.0.1:4873",
  scopes: ["@l"],
});
const egress = createEgress({ registries: [acme, inner, local] });
const rewritten = (path: string, text: string, from = egress) =>
  Buffer.from(from.rewrite(path, Buffer.from(text))).toString();

const PROXY = "http://127.0.0.1:3128";

test.each([
  ["https://registry.npmjs.org/a/-/a-1.tgz", `${PROXY}/npm/a/-/a-1.tgz`],
  ["https://registry.yarnpkg.com/a/-/a-1.tgz#1f", `${PROXY}/npm/a/-/a-1.tgz#1f`],
  ["http://registry.npmjs.org", `${PROXY}/npm`],
  ["https://registry.npmjs.org:443/a", `${PROXY}/npm/a`],
  ["https://pypi.org/simple", `${PROXY}/pypi/simple`],
  ["https://files.pythonhosted.org/packages/a.whl", `${PROXY}/pypi-files/packages/a.whl`],
  ["https://npm.acme.dev/repo/@acme/a", `${PROXY}/acme/@acme/a`],
  ["https://npm.acme.dev/repo/inner/a", `${PROXY}/inner/a`],
  ["http://127.0.0.1:4873/a", `${PROXY}/local/a`],
  [
    "a@npm:1::__archiveUrl=https%3A%2F%2Fnpm.acme.dev%2Frepo%2Fa.tgz",
    `a@npm:1::__archiveUrl=${encodeURIComponent(`${PROXY}/acme`)}%2Fa.tgz`,
  ],
])("in a lockfile, %s leads to the endpoint", (before, after) => {
  expect(rewritten("yarn.lock", `x "${before}" y`)).toBe(`x "${after}" y`);
});

test.each([
  "https://registry.npmjs.org.evil.example/a",
  "https://registry.npmjs.org:8443/a",
  "https://registry.npmjs.org@evil.example/a",
  "https://xregistry.npmjs.org/a",
  "https://npm.acme.dev/repository/a",
  "https://npm.acme.dev/other/a",
  "https://127.0.0.1:4873/a",
  "http://127.0.0.1:48731/a",
  "git+https://github.com/a/b",
  `//npm.acme.dev/repo/:_authToken=\${ACME_TOKEN}`,
])("in a lockfile, %s stays as it is", (text) => {
  expect(rewritten("package-lock.json", text)).toBe(text);
});

test.each([
  ...["package-lock.json", "a/npm-shrinkwrap.json", "pnpm-lock.yaml", ".npmrc", ".yarnrc.yml"],
  ...["uv.lock", "poetry.lock", "pyproject.toml", "Pipfile", "Pipfile.lock", "pip.conf"],
  ...["requirements.txt", "requirements-dev.txt", "dev-requirements.in", "requirements/base.txt"],
  ...["constraints.txt", ".cargo/config.toml"],
])("%s is a file that names registries", (path) => {
  expect(rewritten(path, "https://pypi.org/simple")).toBe(`${PROXY}/pypi/simple`);
});

test.each(["package.json", "src/index.ts", "README.md", "notes.txt", "my-package-lock.json.bak"])(
  "%s is given back as the same bytes",
  (path) => {
    const bytes = Buffer.from("https://registry.npmjs.org/a");
    expect(egress.rewrite(path, bytes)).toBe(bytes);
  },
);

test("a pyproject.toml with sources for Poetry stays as it was locked", () => {
  const text = '[[tool.poetry.source]]\nname = "x"\nurl = "https://pypi.org/simple"\n';
  expect(rewritten("app/pyproject.toml", text)).toBe(text);
  expect(rewritten("poetry.lock", text)).not.toBe(text);
});

test("bytes that are no text survive a rewrite", () => {
  const bytes = Buffer.from("\xff\x00https://pypi.org/simple\xfe", "latin1");
  const after = Buffer.from(`\xff\x00${PROXY}/pypi/simple\xfe`, "latin1");
  expect(Buffer.from(egress.rewrite("uv.lock", bytes))).toEqual(after);
});

test("a registry without scopes also takes what a lockfile says of the public one", () => {
  const mirror = registry({ name: "mirror", kind: "npm", url: "https://mirror.acme.dev" });
  const index = registry({ name: "index", kind: "pypi", url: "https://py.acme.dev/root/simple/" });
  const from = createEgress({ registries: [mirror, index] });
  expect(rewritten("yarn.lock", "https://registry.npmjs.org/a", from)).toBe(`${PROXY}/mirror/a`);
  expect(rewritten("uv.lock", "https://py.acme.dev/root/simple", from)).toBe(
    `${PROXY}/index/simple`,
  );
  expect(rewritten("uv.lock", "https://pypi.org/simple", from)).toBe(`${PROXY}/index/simple`);
  expect(from.client.env).toMatchObject({
    npm_config_registry: `${PROXY}/mirror/`,
    UV_DEFAULT_INDEX: `${PROXY}/index/simple`,
  });
});

test("clients find the endpoints, and a placeholder where a key is expected", () => {
  const { client } = createEgress({ registries: [{ ...acme, placeholders: ["ACME_TOKEN"] }] });
  expect(client.env).toMatchObject({
    HTTPS_PROXY: PROXY,
    NODE_USE_ENV_PROXY: "1",
    no_proxy: "127.0.0.1,localhost",
    npm_config_registry: `${PROXY}/npm/`,
    PIP_INDEX_URL: `${PROXY}/pypi/simple`,
    GOPROXY: `${PROXY}/go`,
    ACME_TOKEN: "headrace-placeholder",
  });
  expect(client.env).not.toHaveProperty("GOSUMDB");
  const text = (path: string) => client.files.find((file) => file.path === path)?.text;
  expect(text(".npmrc")).toContain(`@acme:registry=${PROXY}/acme/\n`);
  expect(text(".yarnrc.yml")).toContain(`  acme:\n    npmRegistryServer: "${PROXY}/acme"`);
  expect(text(".cargo/config.toml")).toContain(`"sparse+${PROXY}/crates/"`);
});

test.each([
  [{ name: "npm" }, "name of another"],
  [{ name: "Ac/me" }, "lower-case"],
  [{ url: "ftp://a.dev" }, "http or https"],
  [{ url: "http://npm.acme.dev" }, "needs https"],
  [{ url: "https://u:p@npm.acme.dev" }, "credentials"],
  [{ url: "https://npm.acme.dev/?a=1" }, "query"],
])("a private registry with %j is refused", (more, reason) => {
  expect(() => createEgress({ registries: [{ ...acme, ...more }] })).toThrow(reason);
});

test.each([
  ["package-lock.json", `"${PROXY}/npm/a/-/a-1.tgz"`, '"https://registry.npmjs.org/a/-/a-1.tgz"'],
  ["yarn.lock", `"${PROXY}/npm/a/-/a.tgz#1f"`, '"https://registry.yarnpkg.com/a/-/a.tgz#1f"'],
  ["uv.lock", `registry = "${PROXY}/pypi/simple"`, 'registry = "https://pypi.org/simple"'],
  ["uv.lock", `url = "${PROXY}/pypi-files/a.whl"`, 'url = "https://files.pythonhosted.org/a.whl"'],
  ["requirements.txt", `-i ${PROXY}/pypi`, "-i https://pypi.org"],
  ["package-lock.json", `"${PROXY}/acme/@acme/a"`, '"https://npm.acme.dev/repo/@acme/a"'],
  [
    "yarn.lock",
    `a@npm:1::__archiveUrl=${encodeURIComponent(`${PROXY}/acme`)}%2Fa.tgz`,
    "a@npm:1::__archiveUrl=https%3A%2F%2Fnpm.acme.dev%2Frepo%2Fa.tgz",
  ],
  ["package-lock.json", `"${PROXY}/unknown/a"`, `"${PROXY}/unknown/a"`],
])("what a package manager wrote in %s is turned back: %s", async (name, before, after) => {
  await using session = egress.session({ phase: "coding", hosts: [], onRequest: () => {} });
  const rules = session.restoring
    .filter(({ globs }) => globMatcher(globs)(`some/folder/${name}`))
    .flatMap((group) => group.rules);
  const restored = rules.reduce(
    (text, [source, replacement]) => text.replace(new RegExp(source, "g"), replacement),
    before,
  );
  expect(restored).toBe(after);
});
