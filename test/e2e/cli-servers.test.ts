import type { ChildProcess } from "node:child_process";
import { expect, test } from "vitest";
import { SCRIPT } from "../support/bad-inputs.ts";
import { ended, openShell } from "../support/shell.ts";

/** What a process prints, up to the first place that matches. */
const printed = (from: NodeJS.ReadableStream | null, wanted: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let text = "";
    from?.on("data", (chunk: string) => {
      text += chunk;
      const found = wanted.exec(text);
      if (found !== null) resolve(found);
    });
    from?.once("end", () => reject(new Error(`never printed ${wanted}: ${text}`)));
  });

const stop = async (child: ChildProcess) => {
  const end = ended(child);
  child.kill("SIGTERM");
  return (await end).code;
};

const get = async (url: string, headers: Record<string, string>): Promise<number> =>
  (await fetch(url, { headers })).status;

test("the simulator serves a script until it is ended, to who shows the key it prints", async () => {
  await using shell = await openShell();
  await shell.file("script.yaml", SCRIPT);
  const simulator = shell.start("simulator", "script.yaml", "--listen", "localhost:0");
  const [, url = "", key = ""] = await printed(
    simulator.stdout,
    /^ANTHROPIC_BASE_URL=(http:\/\/localhost:\d+)\nANTHROPIC_API_KEY=(\S+)$/m,
  );
  expect(await get(`${url}/v1/models`, { "x-api-key": key })).toBe(200);
  expect(await get(`${url}/v1/models`, { "x-api-key": "another" })).toBe(401);
  expect(await stop(simulator)).toBe(0);
});

test("serve listens where it is told, and answers nobody without the token", async () => {
  await using shell = await openShell({ HEADRACE_TOKEN: "the-token-of-this-test" });
  const factory = shell.start("serve", "--listen", "localhost:0");
  const [, url = ""] = await printed(factory.stderr, / at (http:\/\/localhost:\d+) /);
  expect(await get(`${url}/v1/health`, {})).toBe(401);
  expect(await get(`${url}/v1/health`, { authorization: "Bearer the-token-of-this-test" })).toBe(
    200,
  );
  const second = await shell.headrace("serve");
  expect(second).toMatchObject({ code: 2, err: expect.stringMatching(/serves .* already\n/) });
  expect(await stop(factory)).toBe(0);
  shell.env.HEADRACE_TOKEN = "short";
  expect(await shell.headrace("serve")).toMatchObject({
    code: 2,
    err: expect.stringContaining("HEADRACE_TOKEN has 5 characters, at least 16 are needed"),
  });
});
