import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readInstallation } from "./user-config.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-config-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const read = (env: NodeJS.ProcessEnv = {}) => readInstallation({ env, dataDir: dir });
const write = (text: string) => writeFile(join(dir, "config.yaml"), text);
const PROVIDER = "providers:\n  spare: { kind: openrouter }\n";
const MODEL = "models:\n  sonnet: { provider: anthropic, id: claude-sonnet-5 }\n";

it.each([
  [
    "a provider of no kind",
    "providers:\n  spare: { kind: openai }\n",
    /config\.yaml:2: providers\.spare\.kind: expected anthropic, openrouter or compatible, got "openai"\n {2}Write for example:\n {4}providers:/,
  ],
  [
    "a misspelt field of a provider",
    "providers:\n  spare: { kind: openrouter, credentials: KEY }\n",
    /config\.yaml:2: providers\.spare\.credentials: is not a known field\n {2}Did you mean credential\?/,
  ],
  [
    "a provider's name",
    "providers:\n  My Box: { kind: anthropic }\n",
    /config\.yaml:2: providers\.My Box: expected lower-case letters, digits and single dashes, got "My Box"/,
  ],
  [
    "a compatible endpoint without an address",
    "providers:\n  box: { kind: compatible }\n",
    /config\.yaml:2: providers\.box\.url: expected the address of the endpoint/,
  ],
  [
    "an address that goes too far",
    "providers:\n  box: { kind: compatible, url: http://127.0.0.1:1/v1/messages }\n",
    /providers\.box\.url: expected the part of the address before \/v1\/messages, got "http/,
  ],
  [
    "a model of a provider that is not there",
    `${PROVIDER}models:\n  sonnet: { provider: spares, id: claude-sonnet-5 }\n`,
    /config\.yaml:4: models\.sonnet\.provider: expected a name of `providers` \(spare\), got "spares"/,
  ],
  [
    "a capability that is none",
    "models:\n  a: { provider: anthropic, id: x, capabilities: [vision] }\n",
    /models\.a\.capabilities\[0\]: expected tools, cache, effort, json, got "vision"/,
  ],
  [
    "a route of a role that is none",
    `${MODEL}routes:\n  tester: [sonnet]\n`,
    /config\.yaml:4: routes\.tester: is not a known field/,
  ],
  [
    "a route to a model that is not there",
    `${MODEL}routes:\n  coder: [sonnet, opus]\n`,
    /config\.yaml:4: routes\.coder\[1\]: expected a name of `models` \(sonnet\), got "opus"/,
  ],
  [
    "a route that is one name of nothing",
    `${MODEL}routes:\n  coder: opus\n`,
    /config\.yaml:4: routes\.coder\[0\]: expected a name of `models` \(sonnet\), got "opus"/,
  ],
  [
    "a route that is a number",
    `${MODEL}routes:\n  coder: 5\n`,
    /config\.yaml:4: routes\.coder: expected a model's name or a list of them, got 5\n {2}Write for example:/,
  ],
  [
    "a model twice in a route",
    `${MODEL}routes:\n  coder: { models: [sonnet, { model: sonnet, effort: low }] }\n`,
    /routes\.coder\.models\[1\]\.model: expected each model once, got "sonnet"/,
  ],
  [
    "a misspelt field of a route's entry",
    `${MODEL}routes:\n  coder: [{ model: sonnet, efort: low }]\n`,
    /config\.yaml:4: routes\.coder\[0\]\.efort: is not a known field\n {2}Did you mean effort\?/,
  ],
  [
    "a misspelt field of a route",
    `${MODEL}routes:\n  coder: { models: [sonnet], difersFrom: planner }\n`,
    /routes\.coder\.difersFrom: is not a known field\n {2}Did you mean differFrom\?/,
  ],
  [
    "effort of a model that has none",
    "models:\n  haiku: { provider: anthropic, id: claude-haiku-4-5 }\nroutes:\n  coder: [{ model: haiku, effort: low }]\n",
    /config\.yaml:4: routes\.coder\[0\]\.effort: expected none: haiku is not a model with the capability effort/,
  ],
  [
    "a role that differs from itself",
    `${MODEL}routes:\n  coder: { models: [sonnet], differFrom: coder }\n`,
    /routes\.coder\.differFrom: expected another role than its own, got "coder"/,
  ],
  [
    "an override of no task",
    `${MODEL}overrides:\n  - { task: /docs, role: coder, models: [sonnet] }\n`,
    /config\.yaml:4: overrides\[0\]\.task: expected a glob, but it starts with `\/`/,
  ],
  [
    "an override to a model that is not there",
    `${MODEL}overrides:\n  - { task: docs-*, role: coder, models: [{ model: opus }] }\n`,
    /config\.yaml:4: overrides\[0\]\.models\[0\]\.model: expected a name of `models`/,
  ],
  [
    "a budget beyond what an amount holds",
    "budgets:\n  total: 9001\n",
    /config\.yaml:2: budgets\.total: expected at most 9000 US dollars, the most that one budget holds, got 9001/,
  ],
  [
    "half a token",
    "budgets:\n  tokens: 0.5\n",
    /budgets\.tokens: expected a number of tokens, got 0\.5/,
  ],
])("%s is refused with file, line and field", async (_, text, message) => {
  await write(text);
  await expect(read()).rejects.toThrow(message);
});

const provider = async (env: NodeJS.ProcessEnv, id: string) => (await read(env)).providers.get(id);

it("without providers of its own an installation has the environment's", async () => {
  const env = { ANTHROPIC_API_KEY: "sk-1", ANTHROPIC_BASE_URL: "https://gateway.example/" };
  const { providers, routing, secrets } = await read(env);
  expect([...providers.keys()]).toEqual(["anthropic"]);
  expect(providers.get("anthropic")).toMatchObject({
    url: "https://gateway.example",
    apiKey: "sk-1",
    auth: "x-api-key",
  });
  expect(routing).toMatchObject({ provider: "anthropic", routes: {}, overrides: [] });
  expect(secrets).toEqual(["sk-1"]);
});

it("each kind of provider has an address, a credential and a way to send it of its own", async () => {
  await write(`providers:
  direct: { kind: anthropic }
  own: { kind: anthropic, credential: OWN_KEY }
  spare: { kind: openrouter }
  box: { kind: compatible, url: http://127.0.0.1:8080/ }
  gateway: { kind: compatible, url: https://llm.example/anthropic, credential: GATEWAY_KEY, auth: bearer }
`);
  const env = {
    ANTHROPIC_API_KEY: "sk-1",
    ANTHROPIC_BASE_URL: "https://proxy.example",
    OWN_KEY: "sk-2",
    OPENROUTER_API_KEY: "sk-or",
  };
  await writeFile(join(dir, "credentials"), "GATEWAY_KEY=sk-gate\n", { mode: 0o600 });
  // key and address of the environment belong together: another key goes to Anthropic itself
  expect(await provider(env, "direct")).toMatchObject({
    url: "https://proxy.example",
    apiKey: "sk-1",
  });
  expect(await provider(env, "own")).toMatchObject({ url: undefined, apiKey: "sk-2" });
  expect(await provider(env, "spare")).toMatchObject({
    url: "https://openrouter.ai/api",
    apiKey: "sk-or",
    auth: "bearer",
  });
  const box = await provider(env, "box");
  expect(box).toMatchObject({ url: "http://127.0.0.1:8080", apiKey: undefined });
  expect(box).not.toHaveProperty("keyless");
  expect(await provider(env, "gateway")).toMatchObject({ apiKey: "sk-gate", auth: "bearer" });
  const { secrets, routing } = await read(env);
  expect(secrets).toEqual(expect.arrayContaining(["sk-1", "sk-2", "sk-or", "sk-gate"]));
  expect(routing.provider).toBe("direct");
});

it("one name is a list of it, in a route, in its models and in an override", async () => {
  await write(`${MODEL}routes:
  coder: sonnet
  planner: { models: sonnet }
overrides:
  - { task: docs-*, role: coder, models: sonnet }
`);
  const { routes, overrides } = (await read()).routing;
  for (const route of [routes.coder, routes.planner, overrides[0]])
    expect(route?.models).toEqual([{ model: "sonnet" }]);
});

it("a model has what is known of it, and what the configuration says outranks that", async () => {
  await write(`models:
  sonnet: { provider: anthropic, id: claude-sonnet-5-20260701 }
  small: { provider: anthropic, id: claude-haiku-4-5, pool: mine, window: 50000, capabilities: [tools], maxOutput: 4096 }
  alias: { provider: anthropic, id: our-model }
routes:
  coder: [{ model: sonnet, effort: low }, small]
  reviewer: { models: [small], needs: [tools], order: cheapest, differFrom: coder }
overrides:
  - { task: docs-*, role: coder, models: [small] }
`);
  const { models, routes, overrides } = (await read()).routing;
  expect(Object.fromEntries(models)).toEqual({
    sonnet: {
      provider: "anthropic",
      model: "claude-sonnet-5-20260701",
      pool: "sonnet",
      window: 1_000_000,
      capabilities: ["tools", "cache", "json", "effort"],
    },
    small: {
      provider: "anthropic",
      model: "claude-haiku-4-5",
      pool: "mine",
      window: 50_000,
      capabilities: ["tools"],
      maxOutput: 4096,
    },
    alias: {
      provider: "anthropic",
      model: "our-model",
      pool: "our-model",
      window: 200_000,
      capabilities: ["tools", "cache"],
    },
  });
  expect(routes.coder).toEqual({
    models: [{ model: "sonnet", effort: "low" }, { model: "small" }],
    needs: [],
    order: "listed",
  });
  expect(routes.reviewer).toMatchObject({ order: "cheapest", differFrom: "coder" });
  expect(overrides).toMatchObject([
    { task: "docs-*", role: "coder", models: [{ model: "small" }] },
  ]);
});

it("two installations have one fingerprint only where they call, route and hold a run alike", async () => {
  const env = { ANTHROPIC_API_KEY: "sk-1" };
  const of = async (change: NodeJS.ProcessEnv = {}) =>
    (await read({ ...env, ...change })).fingerprint;
  const one = await of();
  expect(one).toMatch(/^[0-9a-f]{16}$/);
  expect(await of({ HEADRACE_SLOTS: "2" })).toBe(one);
  const others = [
    await of({ ANTHROPIC_API_KEY: "sk-2" }),
    await of({ ANTHROPIC_BASE_URL: "https://x.example" }),
  ];
  for (const text of [
    MODEL,
    "budgets: { day: 5 }\n",
    'prices: [{ model: x, input: "1", output: "1" }]\n',
  ]) {
    await write(text);
    others.push(await of());
  }
  expect(new Set([one, ...others]).size).toBe(6);
  await write("disk: { reserveGb: 5 }\n");
  expect(await of()).toBe(one);
});
