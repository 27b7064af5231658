import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { installationFindings } from "./installation-findings.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-findings-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const PROVIDERS = `providers:
  direct: { kind: anthropic }
  spare: { kind: openrouter, credential: SPARE_KEY }
  box: { kind: compatible, url: http://127.0.0.1:8080 }
`;
const found = (env: NodeJS.ProcessEnv = {}) => installationFindings({ env, dataDir: dir });
const config = (text: string) => writeFile(join(dir, "config.yaml"), text);

it("says of every provider of config.yaml whether its key is there, and what to do where it is not", async () => {
  await config(PROVIDERS);
  const file = join(dir, "credentials");
  await writeFile(file, "ANTHROPIC_API_KEY=one\n");
  await chmod(file, 0o600);
  const name = "model key";
  expect(await found()).toEqual([
    { name, state: "ok", detail: `direct has ANTHROPIC_API_KEY of ${file}` },
    {
      ...{ name, state: "warn", detail: "spare has none: SPARE_KEY is not set" },
      remedy: expect.stringContaining("export SPARE_KEY=..."),
    },
    { name, state: "ok", detail: "box needs none" },
  ]);
  expect((await found({ SPARE_KEY: "two" }))[1]).toEqual({
    ...{ name, state: "ok", detail: "spare has SPARE_KEY of the environment" },
  });
});

it("without a configuration asks for the one key that a run then needs", async () => {
  expect(await found()).toMatchObject([{ name: "model key", state: "warn" }]);
  expect(await found({ ANTHROPIC_API_KEY: "x" })).toMatchObject([{ state: "ok" }]);
});

it("tells where telemetry goes where it is on", async () => {
  await config("telemetry: { otlp: http://127.0.0.1:4318 }\n");
  expect(await found({ ANTHROPIC_API_KEY: "x" })).toContainEqual({
    ...{ name: "telemetry", state: "ok" },
    detail: "what happens is told to http://127.0.0.1:4318 (telemetry of config.yaml)",
  });
});

it("a configuration with a mistake is missing, with what to do about it", async () => {
  await config("budget: 5\n");
  expect(await found()).toMatchObject([
    { name: "configuration", state: "missing", remedy: expect.stringContaining("budgets") },
  ]);
});
