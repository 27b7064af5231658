import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createProviderClients } from "./factory/provider-clients.ts";
import { readInstallation } from "./user-config.ts";

let dir = "";
let url = "";
const asked: IncomingHttpHeaders[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ data: [{ id: "claude-sonnet-5", type: "model" }] }));
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-providers-"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  asked.length = 0;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

const KEY = { ANTHROPIC_API_KEY: "sk-key" };
const TOKEN = { ANTHROPIC_AUTH_TOKEN: "sk-token" };

/** What the server is shown of this installation's only provider. */
const shown = async (env: NodeJS.ProcessEnv, config = "") => {
  await writeFile(join(dir, "config.yaml"), config);
  const { providers } = await readInstallation({ env, dataDir: dir });
  const [id = ""] = providers.keys();
  await createProviderClients(providers).client(id).listModels();
  const { authorization, "x-api-key": apiKey } = asked.at(-1) ?? {};
  return { ...(authorization && { authorization }), ...(apiKey && { apiKey }) };
};

const AS_KEY = { apiKey: "sk-key" };
const AS_TOKEN = { authorization: "Bearer sk-token" };

test.each<[string, NodeJS.ProcessEnv, object]>([
  ["a key as x-api-key", KEY, AS_KEY],
  ["a token as bearer", TOKEN, AS_TOKEN],
  ["the key where both are set", { ...KEY, ...TOKEN }, AS_KEY],
  ["the token beside an empty key", { ANTHROPIC_API_KEY: "", ...TOKEN }, AS_TOKEN],
])("the environment's address is sent %s", async (_, env, expected) => {
  expect(await shown({ ...env, ANTHROPIC_BASE_URL: url })).toEqual(expected);
});

test.each<[string, string, object]>([
  ["its key, and never the other", "kind: anthropic", AS_KEY],
  ["the credential it names", "kind: anthropic, credential: ANTHROPIC_AUTH_TOKEN", AS_TOKEN],
  ["no key", "kind: compatible", {}],
  ["a key its own way", "kind: compatible, credential: ANTHROPIC_API_KEY", AS_KEY],
  [
    "a token as bearer whatever its kind",
    "kind: compatible, credential: ANTHROPIC_AUTH_TOKEN",
    AS_TOKEN,
  ],
  [
    "what it names as it says",
    "kind: compatible, credential: ANTHROPIC_AUTH_TOKEN, auth: x-api-key",
    { apiKey: "sk-token" },
  ],
  [
    "a key of OpenRouter's as bearer",
    "kind: openrouter",
    { authorization: "Bearer sk-openrouter" },
  ],
])("a provider of the configuration is sent %s: %s", async (_, fields, expected) => {
  const env = { ...KEY, ...TOKEN, OPENROUTER_API_KEY: "sk-openrouter" };
  const config = `providers:\n  one: { ${fields}, url: ${url} }\n`;
  expect(await shown(env, config)).toEqual(expected);
});

test("a provider that is the environment's has its token where that is all there is", async () => {
  const config = "providers:\n  one: { kind: anthropic }\n";
  expect(await shown({ ...TOKEN, ANTHROPIC_BASE_URL: url }, config)).toEqual(AS_TOKEN);
});

test("a token is among what is hidden, and the setting that a person is told to check is its own", async () => {
  await writeFile(join(dir, "config.yaml"), "");
  const { providers, secrets } = await readInstallation({ env: TOKEN, dataDir: dir });
  expect(providers.get("anthropic")?.settings.key).toBe("ANTHROPIC_AUTH_TOKEN");
  expect(secrets).toEqual(["sk-token"]);
});
