import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCredentials } from "./credentials.ts";
import { messageOf } from "./tree-fixture.ts";

let dataDir = "";
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "headrace-credentials-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

const store = async (text: string, mode = 0o600) => {
  await writeFile(join(dataDir, "credentials"), text);
  await chmod(join(dataDir, "credentials"), mode);
};

describe("credentials", () => {
  test("are none where neither environment nor file has a key", async () => {
    const none = { apiKey: undefined, key: "ANTHROPIC_API_KEY", baseUrl: undefined };
    expect(await readCredentials({ env: {}, dataDir })).toEqual(none);
    expect(await readCredentials({ env: { ANTHROPIC_API_KEY: " " }, dataDir })).toEqual(none);
  });

  test("come from the environment first, from the file for what is missing there", async () => {
    await store("# mine\nexport ANTHROPIC_API_KEY='file-key'\nANTHROPIC_BASE_URL=http://l:1/\n");
    expect(await readCredentials({ env: {}, dataDir })).toMatchObject({
      apiKey: "file-key",
      baseUrl: "http://l:1",
    });
    const env = { ANTHROPIC_API_KEY: "env-key" };
    expect(await readCredentials({ env, dataDir })).toMatchObject({
      apiKey: "env-key",
      baseUrl: "http://l:1",
    });
  });

  test("may be a bearer token: where there is no API key beside it, and from the environment before the file", async () => {
    const [key, token] = [{ ANTHROPIC_API_KEY: "sk-1" }, { ANTHROPIC_AUTH_TOKEN: "sk-or" }];
    const read = async (env: Record<string, string>) => {
      const { apiKey, key: name } = await readCredentials({ env, dataDir });
      return [name, apiKey];
    };
    expect(await read(token)).toEqual(["ANTHROPIC_AUTH_TOKEN", "sk-or"]);
    expect(await read({ ...key, ...token })).toEqual(["ANTHROPIC_API_KEY", "sk-1"]);
    // as OpenRouter has it set
    expect(await read({ ANTHROPIC_API_KEY: "", ...token })).toEqual([
      "ANTHROPIC_AUTH_TOKEN",
      "sk-or",
    ]);
    await store("ANTHROPIC_API_KEY=file-key\n");
    expect(await read(token)).toEqual(["ANTHROPIC_AUTH_TOKEN", "sk-or"]);
    await store("ANTHROPIC_AUTH_TOKEN=file-token\n");
    expect(await read({})).toEqual(["ANTHROPIC_AUTH_TOKEN", "file-token"]);
  });

  test("in a file that others can read are refused", async () => {
    await store("ANTHROPIC_API_KEY=secret-key", 0o644);
    const message = await messageOf(() => readCredentials({ env: {}, dataDir }));
    expect(message).toBe(
      `${dataDir}/credentials: can be read by other users of this machine\n  Run: chmod 600 ${dataDir}/credentials`,
    );
  });

  test.each([
    ["ANTHROPIC_API_KEY secret-key", /credentials:1: expected NAME=value/],
    [
      "\nANTHROPIC_KEY=secret-key",
      /credentials:2: ANTHROPIC_KEY is not a known name\n {2}Write ANTHROPIC_API_KEY=/,
    ],
    ["ANTHROPIC_API_KEY=secret key", /from .*credentials holds characters that no key has/],
    ["ANTHROPIC_API_KEY=a\nANTHROPIC_BASE_URL=ftp://secret-key", /is not an http or https address/],
  ])("in a broken file are refused without showing a secret: %j", async (text, message) => {
    await store(text);
    const shown = await messageOf(() => readCredentials({ env: {}, dataDir }));
    expect(shown).toMatch(message);
    expect(shown).not.toContain("secret");
  });
});
