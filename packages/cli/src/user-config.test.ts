import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromUsd, NO_USAGE } from "@headrace/domain";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readInstallation } from "./user-config.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-config-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const read = (env: NodeJS.ProcessEnv = {}) => readInstallation({ env, dataDir: dir });
const REGISTRY = "registries:\n  - name: company\n    kind: npm\n";
const PYPI = "registries:\n  - name: company\n    kind: pypi\n    url: https://x.example/simple/\n";
const usage = { ...NO_USAGE, input: 1_000_000 };
const today = new Date("2026-11-21T00:00:00Z");

it("prices of config.yaml stand beside the built-in ones", async () => {
  await writeFile(
    join(dir, "config.yaml"),
    'prices:\n  - { model: local-llm, input: "0.5", output: "1" }\n',
  );
  const { prices } = await read();
  expect(prices.cost("local-llm", usage, today)).toBe(fromUsd(0.5));
  expect(prices.cost("claude-opus-4-8", usage, today)).toBe(fromUsd(5));
});

it("a price is the same with and without quotes, to its last digit", async () => {
  await writeFile(
    join(dir, "config.yaml"),
    `prices:
  - { model: a, input: "0.100001", output: "3" }
  - { model: b, input: 0.100001, output: 3 }
  - { model: c, input: 0, output: 0 }
`,
  );
  const { prices } = await read();
  const costs = ["a", "b", "c"].map((model) =>
    prices.cost(model, { ...usage, output: 1_000_000 }, today),
  );
  expect(costs).toEqual([3_100_001_000_000, 3_100_001_000_000, 0]);
});

it("the file that docs/configuration.md shows is one", async () => {
  const page = await readFile(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  const [, text = ""] = /^```yaml\n(.*?)^```/ms.exec(page) ?? [];
  await writeFile(join(dir, "config.yaml"), text);
  const { config, registries } = await read({ COMPANY_NPM_TOKEN: "x", COMPANY_PYPI: "ann:x" });
  expect(config).toMatchObject({ sandbox: "docker", images: { maxGb: 20, maxAgeDays: 30 } });
  expect(registries).toMatchObject([
    { name: "company", placeholders: ["NPM_TOKEN"] },
    { name: "company-python", packages: ["company-*", "internal-lib"] },
  ]);
});

it("without the file the built-in prices hold and others are unknown", async () => {
  expect((await read()).prices.cost("local-llm", usage, today)).toBeUndefined();
});

it.each([
  [
    "a wrong type",
    "prices:\n  - model: x\n    input: [3]\n    output: 5\n",
    /config\.yaml:3: prices\[0\]\.input: expected dollars such as 3 or 0\.25, got/,
  ],
  [
    "more digits than a price has",
    "prices:\n  - { model: x, input: 0.0000001, output: 5 }\n",
    /prices\[0\]\.input: expected dollars such as 3 or 0\.25, with six digits after the point at most/,
  ],
  [
    "an unknown field",
    "price: []\n",
    /config\.yaml:1: price: is not a known field\n {2}Did you mean prices\?/,
  ],
  ["broken YAML", "prices: [\n", /config\.yaml:\d+: is not valid YAML: /],
  [
    "a wildcard",
    "network:\n  setup:\n    - '*.example.com'\n",
    /config\.yaml:3: network\.setup\[0\]: is a pattern: a name that matches more than one host/,
  ],
  [
    "an address with a password",
    `${REGISTRY}    url: https://a:b@c.example/\n`,
    /name a credential/,
  ],
  ["a registry of a kind", "registries:\n  - kind: ruby\n", /config\.yaml:\d: registries\[0\]\./],
  [
    "a name in use",
    `${REGISTRY}    url: https://x.example/\n  - name: company\n    kind: pypi\n    url: https://y.example/\n`,
    /config\.yaml:5: registries\[1\]\.name: expected a name that no other registry has/,
  ],
  [
    "every package as an index's own",
    `${PYPI}    packages: ["company-*", "*"]\n`,
    /config\.yaml:5: registries\[0\]\.packages\[1\]: is every package: leave `packages` out/,
  ],
  ["an index without a package", `${PYPI}    packages: []\n`, /packages: expected names: without/],
  [
    "packages of an npm registry",
    `${REGISTRY}    url: https://x.example/\n    packages: [company-a]\n`,
    /config\.yaml:5: registries\[0\]\.packages: expected with kind pypi only: an npm registry has `scopes`/,
  ],
  [
    "scopes of a Python index",
    `${PYPI}    scopes: ["@company"]\n`,
    /registries\[0\]\.scopes: expected with kind npm only: a Python index has `packages`/,
  ],
  [
    "a misspelt name",
    "registries:\n  - name: company\n    knd: npm\n    url: https://x.example/\n",
    /registries\[0\]\.knd: is not a known field\n {2}Did you mean kind\?/,
  ],
])("%s is refused with file, line and field", async (_, text, message) => {
  await writeFile(join(dir, "config.yaml"), text);
  await expect(read()).rejects.toThrow(message);
});

it("the password of a refused address is not told", async () => {
  await writeFile(
    join(dir, "config.yaml"),
    `${REGISTRY}    url: https://ann:ses/a@me@c.example/\n`,
  );
  await expect(read()).rejects.toThrow(
    /registries\[0\]\.url: .*, got "https:\/\/\*\*\*@c\.example\/"/,
  );
});

it("a registry has the credential it names, from the environment or from the credentials file", async () => {
  const fields = "    url: https://npm.example/\n    scopes: ['@company']\n    env: [NPM_TOKEN]\n";
  const config = (auth: string) =>
    writeFile(
      join(dir, "config.yaml"),
      `${REGISTRY}${fields}    credential: COMPANY_TOKEN\n    auth: ${auth}\n`,
    );
  await config("bearer");
  await expect(read()).rejects.toThrow(
    /registries\[0\]\.credential: COMPANY_TOKEN is not set\n {2}Set it in the environment, or write/,
  );
  const { registries, secrets } = await read({ COMPANY_TOKEN: "sesame" });
  expect(registries).toEqual([
    {
      name: "company",
      kind: "npm",
      url: "https://npm.example/",
      scopes: ["@company"],
      authorization: "Bearer sesame",
      placeholders: ["NPM_TOKEN"],
    },
  ]);
  expect(secrets).toContain("sesame");

  await config("basic");
  await writeFile(join(dir, "credentials"), "COMPANY_TOKEN=ann:sesame\n", { mode: 0o600 });
  const basic = await read();
  expect(basic.registries[0]?.authorization).toBe("Basic YW5uOnNlc2FtZQ==");
  expect(basic.secrets).toEqual(expect.arrayContaining(["ann:sesame", "YW5uOnNlc2FtZQ=="]));
});
