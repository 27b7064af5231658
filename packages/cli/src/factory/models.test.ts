import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ModelChoice, type Role, routeFor } from "@headrace/domain";
import { type Simulator, startSimulator } from "@headrace/simulator";
import { createClock } from "@headrace/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readInstallation } from "../user-config.ts";
import { createModels, type Models } from "./models.ts";
import { requireKeys } from "./provider-clients.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-models-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const script = (says: string) => `conversations:
  - { role: coder, task: t1, turns: [{ text: ${says} }] }
`;
const write = (name: string, text: string) =>
  writeFile(join(dir, name), text).then(() => join(dir, name));

const install = async (env: NodeJS.ProcessEnv = {}) => readInstallation({ env, dataDir: dir });
const modelsOf = async (env: NodeJS.ProcessEnv = {}) => {
  const installation = await install(env);
  const models = createModels({ installation, clock: createClock() });
  const admit = (asked: Partial<Parameters<Models["admit"]>[0]> = {}) =>
    models.admit({
      model: { kind: "provider" },
      credentials: installation.fingerprint,
      ...asked,
    });
  return { models, admit, [Symbol.asyncDispose]: () => models[Symbol.asyncDispose]() };
};
/** An endpoint that knows no list of models. */
const silentServer = async () => {
  const server = createServer((_, response) => response.writeHead(404).end("{}"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => void server.close().closeAllConnections(),
  };
};

/** `<provider>/<model>` of a role's candidates. */
const of = ({ routes, overrides }: Awaited<ReturnType<Models["admit"]>>, role: Role) =>
  routeFor(routes, overrides, role).candidates.map((one) => `${one.provider}/${one.model}`);

const ask = async (models: Models, choice: ModelChoice, provider: string) => {
  const client = await models.client(choice, provider);
  const { reply } = await client.complete({
    model: "claude-sonnet-5",
    maxTokens: 100,
    system: [],
    tools: [],
    messages: [{ role: "user", content: [{ type: "text", text: "go" }] }],
    userId: "hr1.r1.t1.coder.1.1",
  });
  return JSON.stringify(reply.content);
};

test("a script is played as it was when a run was last submitted", async () => {
  const file = join(dir, "script.yaml");
  const choice = { kind: "script", file } as const;
  await using open = await modelsOf();
  const { models, admit } = open;
  const said = () => ask(models, choice, "script");

  await writeFile(file, script("first"));
  const admitted = await admit({ model: choice });
  expect(of(admitted, "coder")).toEqual(["script/claude-sonnet-5", "script/claude-sonnet-4-6"]);
  expect(await said()).toContain("first");

  await writeFile(file, "conversations: {");
  expect(await said()).toContain("first");
  await expect(admit({ model: choice })).rejects.toThrow(file);
  expect(await said()).toContain("first");

  await writeFile(file, script("second"));
  await admit({ model: choice });
  expect(await said()).toContain("second");
});

describe("with providers of the person's own", () => {
  let direct: Simulator;
  let routed: Simulator;
  beforeEach(async () => {
    const file = await write("direct.yaml", script("direct"));
    const other = await write("routed.yaml", script("routed"));
    direct = await startSimulator({ mode: { kind: "script", file } });
    routed = await startSimulator({
      mode: { kind: "script", file: other },
      provider: "openrouter",
    });
  });
  afterEach(async () => {
    await direct.close();
    await routed.close();
  });

  const config = (more = "") =>
    write(
      "config.yaml",
      `providers:
  direct: { kind: anthropic, url: ${direct.url}, credential: DIRECT_KEY }
  routed: { kind: openrouter, url: ${routed.url} }
models:
  sonnet: { provider: direct, id: claude-sonnet-5 }
  opus: { provider: routed, id: claude-opus-4-8 }
  spare: { provider: routed, id: claude-sonnet-5, pool: spare, window: 100000 }
routes:
  coder: [sonnet, spare]
${more}`,
    );
  const keys = () => ({ DIRECT_KEY: direct.apiKey, OPENROUTER_API_KEY: routed.apiKey });

  test("each is asked once what it offers, with its own key, and called as it spells its models", async () => {
    await config();
    await using open = await modelsOf(keys());
    const { models, admit } = open;
    const admitted = await admit();
    expect(of(admitted, "coder")).toEqual([
      "direct/claude-sonnet-5",
      "routed/anthropic/claude-sonnet-5",
    ]);
    expect(of(admitted, "planner")[0]).toBe("direct/claude-opus-4-8");
    expect(admitted.routes.coder).toMatchObject({
      candidates: [
        { pool: "sonnet", window: 1_000_000 },
        { pool: "spare", window: 100_000 },
      ],
    });
    expect(admitted.notes).toEqual([]);
    expect(await ask(models, { kind: "provider" }, "direct")).toContain("direct");
    expect(await ask(models, { kind: "provider" }, "routed")).toContain("routed");
    await expect(models.client({ kind: "provider" }, "gone")).rejects.toThrow(
      /the model provider gone is not configured any more\n {2}Name it under `providers`/,
    );
  });

  test("--model names a configured model or an id of the first provider, a repository's file configured ones", async () => {
    await config();
    await using open = await modelsOf(keys());
    const { admit } = open;
    const only = (model: string) => admit({ model: { kind: "provider", model } });
    expect(of(await only("opus"), "coder")).toEqual(["routed/anthropic/claude-opus-4.8"]);
    expect(of(await only("claude-haiku-4-5"), "merger")).toEqual(["direct/claude-haiku-4-5"]);
    await expect(only("opsu")).rejects.toThrow('unknown model "opsu"');
    const asked = await admit({ routes: { coder: ["opus"] } });
    expect(of(asked, "coder")).toEqual(["routed/anthropic/claude-opus-4.8"]);
    await expect(admit({ routes: { coder: ["gold"] } })).rejects.toThrow(/gold is not a model/);
  });

  test("one that is only fallen back on and does not answer is told of, one that is needed refuses the run", async () => {
    await config();
    await routed.close();
    await using open = await modelsOf(keys());
    const { notes, ...admitted } = await open.admit();
    expect(of({ notes, ...admitted }, "coder")).toEqual([
      "direct/claude-sonnet-5",
      "routed/claude-sonnet-5",
    ]);
    expect(notes).toEqual([expect.stringMatching(/^routed, which is fallen back on: .*cannot be/)]);
    const needed = open.admit({ model: { kind: "provider", model: "opus" } });
    await expect(needed).rejects.toThrow(/cannot be used.*\n {2}Check providers\.routed\.url/);
  });

  test("a key that is wrong is told by the name of its variable, one that is not set before anything is asked", async () => {
    await config();
    await using open = await modelsOf({ ...keys(), DIRECT_KEY: "sk-wrong" });
    await expect(open.admit()).rejects.toThrow(/401.*\n {2}Check DIRECT_KEY/);
    const { OPENROUTER_API_KEY: _, ...less } = keys();
    await using without = await modelsOf(less);
    const missing =
      /providers\.routed: OPENROUTER_API_KEY is not set\n {2}Set it in the environment/;
    await expect(without.admit()).rejects.toThrow(missing);
    const installation = await install(less);
    expect(() => requireKeys(installation, undefined)).toThrow(missing);
    expect(() => requireKeys(installation, "sonnet")).not.toThrow();
  });

  test("a local server that lists nothing is taken at the configuration's word, and needs no key", async () => {
    await using box = await silentServer();
    const local = `  qwen: { provider: box, id: qwen3, window: 32768 }\n`;
    await config();
    const text = await readFile(join(dir, "config.yaml"), "utf8");
    const added = text
      .replace("models:\n", `  box: { kind: compatible, url: "${box.url}" }\nmodels:\n${local}`)
      .replace("[sonnet, spare]", "[qwen, sonnet]");
    await write("config.yaml", added);
    await using open = await modelsOf(keys());
    await expect(open.admit()).rejects.toThrow(/no price is known for qwen3.*\n.*--budget-tokens/);
    const admitted = await open.admit({ limits: { tokens: 5000 } });
    expect(of(admitted, "coder")).toEqual(["box/qwen3", "direct/claude-sonnet-5"]);
    expect(admitted.limits).toEqual({ tokens: 5000 });
    await write("config.yaml", `${added}prices: [{ model: qwen3, input: "0", output: "0" }]\n`);
    await using priced = await modelsOf(keys());
    expect(of(await priced.admit(), "coder")[0]).toBe("box/qwen3");
  });

  test("limits are the configuration's, but for those that the run has of its own", async () => {
    await config("budgets: { day: 50, task: 2.5, tokens: 1000000 }\n");
    await using open = await modelsOf(keys());
    expect((await open.admit({ limits: { tokens: 5000 } })).limits).toEqual({
      day: 50_000_000_000_000,
      task: 2_500_000_000_000,
      tokens: 5000,
    });
  });

  test("a factory with other settings refuses the run", async () => {
    await config();
    const before = (await install(keys())).fingerprint;
    await using open = await modelsOf({ ...keys(), DIRECT_KEY: "sk-other" });
    await expect(open.admit({ credentials: before })).rejects.toThrow(
      /started with other keys, addresses or another config\.yaml.*\n {2}Run `headrace stop`/,
    );
  });
});

test("without a configuration the environment's own provider is the one", async () => {
  const file = await write("script.yaml", script("hello"));
  await using simulator = await startSimulator({ mode: { kind: "script", file } });
  const env = { ANTHROPIC_BASE_URL: `${simulator.url}/`, ANTHROPIC_API_KEY: simulator.apiKey };
  await using open = await modelsOf(env);
  const admitted = await open.admit();
  expect(of(admitted, "reviewer")).toEqual([
    "anthropic/claude-opus-4-8",
    "anthropic/claude-opus-4-7",
    "anthropic/claude-opus-4-6",
  ]);
  expect(await ask(open.models, { kind: "provider" }, "anthropic")).toContain("hello");
  expect(simulator.requests().map(({ path }) => path)).toContain("/v1/models");
});

test("without a key there is nothing to ask, and scripts need none", async () => {
  const installation = await install();
  expect(() => requireKeys(installation, undefined)).toThrow(
    /there is no API key\n {2}Set ANTHROPIC_API_KEY/,
  );
});
