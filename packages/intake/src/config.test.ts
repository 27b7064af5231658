import { createHash } from "node:crypto";
import { fromUsd } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { configJsonSchema, looseningOf, parseConfig, readConfig } from "./config.ts";
import { messageOf, treeOf } from "./tree-fixture.ts";

const parse = (text: string) => parseConfig({ file: "headrace.yaml", text });

test("a whole file is read", () => {
  const text = `
setup:
  - npm ci
gates:
  - name: test
    run: npm test
  - name: lint
    run: npm run lint
    timeout: 90
sandbox:
  image: example/image:1
  memory: 1.5g
  cpus: 2
  env:
    TZ: UTC
    PORT: 3000
    DEBUG: false
budget: 5
protected:
  - migrations/**
merge:
  batch: 3
  union: [CHANGELOG.md, docs/changes/**]
verification:
  budget: 1.5
routes:
  coder: some-model
  reviewer: [one, another]
`;
  expect(parse(text)).toEqual({
    setup: ["npm ci"],
    gates: [
      { name: "test", run: "npm test", timeoutS: 600 },
      { name: "lint", run: "npm run lint", timeoutS: 90 },
    ],
    sandbox: {
      image: "example/image:1",
      memory: 1536,
      cpus: 2,
      env: { TZ: "UTC", PORT: "3000", DEBUG: "false" },
    },
    budget: fromUsd(5),
    protected: ["migrations/**"],
    merge: { batch: 3, union: ["CHANGELOG.md", "docs/changes/**"] },
    verification: { budget: 1.5 },
    routes: { coder: ["some-model"], reviewer: ["one", "another"] },
  });
});

test.each(["", "# only a comment\n", "---\n"])("%j gives nothing", (text) => {
  expect(parse(text)).toEqual({});
});

describe("a broken file names file, line, field and remedy", () => {
  test.each([
    ["gates:\n  - name: test\n   run: x", /^headrace\.yaml:\d: is not valid YAML: /],
    [
      "sandbox:\n  memory: 2g\nsandbox: { network: { setup: [a.example] } }",
      /^headrace\.yaml:3: is not valid YAML: `sandbox` stands twice, .*\n {2}Join the two: .* under one `sandbox:`/,
    ],
    [
      "gates: test",
      /^headrace\.yaml:1: gates: expected a list of gates, got "test"\n {2}Write for example:\n {4}gates:\n {6}- name: test/,
    ],
    [
      "gates:\n  - name: test\n    run: x\n    tiemout: 3",
      /^headrace\.yaml:4: gates\[0\]\.tiemout: is not a known field\n {2}Did you mean timeout\?/,
    ],
    [
      "gates:\n  - name: test\n    run: x\n    from: t1",
      /^headrace\.yaml:4: gates\[0\]\.from: is not a known field\n {2}Known fields: name, run, timeout, exclude, canary, report\./,
    ],
    ["setup: &a [*a]", /^headrace\.yaml:1: setup\[0\]: expected a command, got something that/],
    ["\n\nsetup: npm ci", /^headrace\.yaml:3: setup: expected a list of commands, got "npm ci"/],
    [
      "sandbox:\n  memory: lots",
      /^headrace\.yaml:2: sandbox\.memory: expected memory from 64m to 256g, got "lots"\n {2}Write for example:\n {4}sandbox:/,
    ],
    ["sandbox:\n  memory: 1m", /^headrace\.yaml:2: sandbox\.memory: expected memory from 64m/],
    ["sandbox:\n  cpus: 0", /^headrace\.yaml:2: sandbox\.cpus: expected at least 0\.1 cpus, got 0/],
    [
      "sandbox:\n  env:\n    A B: x",
      /^headrace\.yaml:3: sandbox\.env\.A B: expected a name of letters/,
    ],
    [
      "sandbox:\n  env:\n    A: [x]",
      /^headrace\.yaml:3: sandbox\.env\.A: expected text, a number or true or false/,
    ],
    [
      "sandbox:\n  services:\n    - ready: x",
      /^headrace\.yaml:3: sandbox\.services\[0\]\.image: expected an image, got nothing/,
    ],
    [
      "sandbox:\n  services:\n    - image: redis:7\n    - image: other/redis:6",
      /^headrace\.yaml:\d: sandbox\.services\[1\]: expected a name that no other service has/,
    ],
    [
      "sandbox:\n  network:\n    setup:\n      - a.example\n      - '*.example.com'",
      /^headrace\.yaml:5: sandbox\.network\.setup\[1\]: is a pattern: .* list each host, got "\*\.example\.com"/,
    ],
    [
      "sandbox:\n  network:\n    gates: [a.example]",
      /^headrace\.yaml:3: sandbox\.network\.gates: is not a known field\n {2}Known fields: setup, research\./,
    ],
    ["sandbox:\n  disk: 1m", /^headrace\.yaml:2: sandbox\.disk: expected disk space from 64m/],
    [
      "sandbox:\n  isolation:\n    runtime: none",
      /^headrace\.yaml:3: sandbox\.isolation\.runtime: /,
    ],
    ["routes:\n  coder: x\n  tester: y", /^headrace\.yaml:3: routes\.tester: is not a known field/],
    [
      "merge:\n  batch: 0",
      /^headrace\.yaml:2: merge\.batch: expected a whole number from 1 to 20, got 0\n {2}Write for example:\n {4}merge:/,
    ],
    [
      "verification:\n  budget: a lot",
      /^headrace\.yaml:2: verification\.budget: expected a number from 0 to 20, got "a lot"\n {2}Write for example:\n {4}verification:/,
    ],
    ["verification:\n  budget: 21", /verification\.budget: expected a number from 0 to 20, got 21/],
    [
      "merge:\n  union: [/CHANGELOG.md]",
      /^headrace\.yaml:2: merge\.union\[0\]: expected a glob, but it starts with `\/`/,
    ],
    [
      "routes:\n  coder: [a, 3]",
      /^headrace\.yaml:2: routes\.coder\[1\]: expected a model's name, got 3\n {2}Write for example:\n {4}routes:/,
    ],
    ["routes:\n  coder: 3", /routes\.coder: expected a model's name, or several, got 3/],
    ["routes:\n  coder: []", /routes\.coder: expected a model's name, got \[\]/],
    [
      "budget: 9001",
      /^headrace\.yaml:1: budget: expected at most 9000 US dollars, the most that one budget holds, got 9001/,
    ],
    ["budget: -1", /^headrace\.yaml:1: budget: expected more than 0 US dollars, got -1/],
    ["__proto__: {}", /^headrace\.yaml:1: __proto__: is not a known field/],
    ["just text", /^headrace\.yaml:1: expected object, got "just text"/],
  ])("%j", async (text, message) => {
    expect(await messageOf(() => parse(text))).toMatch(message);
  });
});

test("a repository names only models that the person has configured, whoever provides them", async () => {
  const routes =
    "gates: [{ name: test, run: x }]\nroutes:\n  coder: gold\n  reviewer: [opus, gold]";
  const read = (models?: string[]) => parseConfig({ file: "headrace.yaml", text: routes, models });
  expect(read(["gold", "opus"]).routes).toEqual({ coder: ["gold"], reviewer: ["opus", "gold"] });
  expect(read().routes).toEqual({ coder: ["gold"], reviewer: ["opus", "gold"] });
  expect(await messageOf(() => read(["opus", "sonnet"]))).toMatchInlineSnapshot(`
    "headrace.yaml:3: routes.coder: expected a model that your config.yaml names (opus, sonnet), or --model for every role, got "gold"
      Write for example:
        routes:
          coder: sonnet
          reviewer: [opus, spare]"
  `);
  expect(await messageOf(() => read([]))).toMatch(
    /a model that your config\.yaml names \(it has none\)/,
  );
  for (const field of ["providers", "models", "credentials"])
    expect(await messageOf(() => parse(`${field}:\n  x: { url: "https://x.example" }`))).toMatch(
      `headrace.yaml:1: ${field}: is not a known field`,
    );
});

test.each([["hot: [src/**]", "hot"]])(
  "%j is refused as not supported yet, not passed over",
  async (text, field) => {
    expect(await messageOf(() => parse(text))).toMatch(
      `${field}: is not supported by this version\n  `,
    );
  },
);

test.each([
  ["network:\n    setup: [10.0.0.1]", "    setup: [downloads.example.com]"],
  ["services:\n    - image: postgres\n      memory: 1", "    - image: postgres:16"],
  ["isolation:\n    runtime: kvm", "    runtime: gvisor"],
  ["disk: 3", "  disk: 10g"],
  ["cpus: many", "  cpus: 2"],
])(
  "a mistake under sandbox in %j is answered with an example of that field",
  async (text, line) => {
    const message = await messageOf(() => parse(`sandbox:\n  ${text}`));
    expect(message).toContain("Write for example:\n    sandbox:\n");
    expect(message).toContain(line);
  },
);

test("a misspelt field is named as such, not as the one that is missing for it", async () => {
  expect(await messageOf(() => parse("gates:\n  - {nam: a, run: b}"))).toMatch(
    "gates[0].nam: is not a known field\n  Did you mean name?",
  );
});

test("the file is read at the root of a commit, and need not be there", async () => {
  expect(await readConfig(treeOf({ "headrace.yaml": "budget: 1" }))).toEqual({
    budget: fromUsd(1),
  });
  expect(await readConfig(treeOf({ "docs/headrace.yaml": "budget: 1" }))).toEqual({});
});

test("editors get a JSON Schema of what a person writes", () => {
  expect(configJsonSchema()).toMatchObject({
    title: "headrace.yaml",
    type: "object",
    additionalProperties: false,
    properties: {
      budget: { type: "number", description: "US dollars one run may cost" },
      gates: { items: { required: ["name", "run"], properties: { timeout: {} } } },
      sandbox: { properties: { memory: { type: "string" } } },
    },
  });
});

/** An engine that has none of the images. */
const absent = async () => undefined;

test("services are named after their images, hosts and images need a person's leave", async () => {
  const config = parse(`
sandbox:
  services:
    - image: registry.example:5000/team/Postgres:16@sha256:00
      env: { POSTGRES_HOST_AUTH_METHOD: trust, PORT: 5432 }
      ready: pg_isready
      memory: 1g
    - { name: cache, image: redis }
  network:
    setup: [b.example, a.example]
`);
  expect(config.sandbox?.services).toEqual([
    {
      name: "postgres",
      image: "registry.example:5000/team/Postgres:16@sha256:00",
      env: { POSTGRES_HOST_AUTH_METHOD: "trust", PORT: "5432" },
      ready: "pg_isready",
      memoryMb: 1024,
    },
    { name: "cache", image: "redis", env: {}, ready: undefined, memoryMb: 512 },
  ]);
  expect(await looseningOf(config, treeOf({}), absent)).toEqual({
    setup: ["a.example", "b.example"],
    research: [],
    images: ["registry.example:5000/team/Postgres:16@sha256:00"],
  });
  expect(
    await looseningOf(parse("sandbox:\n  image: node:22"), treeOf({}), absent),
  ).toBeUndefined();
});

test("a Dockerfile needs a person's leave for exactly its text", async () => {
  const config = parse("sandbox:\n  dockerfile: docker/Dockerfile.dev");
  const of = (text: string) =>
    looseningOf(config, treeOf({ "docker/Dockerfile.dev": text }), absent);
  expect(await of("FROM debian:12")).toEqual({
    setup: [],
    research: [],
    dockerfile: {
      path: "docker/Dockerfile.dev",
      sha256: createHash("sha256").update("FROM debian:12").digest("hex"),
    },
  });
  expect(await of("FROM debian:13")).not.toEqual(await of("FROM debian:12"));
  await expect(looseningOf(config, treeOf({ Dockerfile: "FROM x" }), absent)).rejects.toThrow(
    "headrace.yaml: sandbox.dockerfile: there is no file docker/Dockerfile.dev in this commit",
  );
});

test.each([
  ["../Dockerfile", /inside the repository/],
  ["/etc/Dockerfile", /inside the repository/],
  ["a/../../b", /inside the repository/],
  ["Dockerfile\n  image: debian", /either an image or a Dockerfile/],
])("the Dockerfile %j is refused", async (path, message) => {
  expect(await messageOf(() => parse(`sandbox:\n  dockerfile: ${path}`))).toMatch(message);
});
