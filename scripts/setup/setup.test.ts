import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { mayInstall } from "./installer.mjs";
import { CommandError, run } from "./run.mjs";

const setup = fileURLToPath(new URL("../setup.mjs", import.meta.url));

describe("set-up", () => {
  it("tells everything that is missing at once, with remedies, and changes nothing", async () => {
    const home = await mkdtemp(join(tmpdir(), "headrace-setup-"));
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      HEADRACE_NO_INSTALL: "1",
      DOCKER_HOST: `unix://${home}/none.sock`,
      REDIS_URL: `${home}/none-either.sock`,
    };
    const { code, stderr } = await promisify(execFile)(process.execPath, [setup], { env }).then(
      () => ({ code: 0, stderr: "" }),
      (error: { code: number; stderr: string }) => error,
    );
    expect(code).toBe(1);
    expect(stderr.replaceAll(home, "~").trim()).toMatchInlineSnapshot(`
      "set-up stopped: DOCKER_HOST names an engine that does not answer: unix://~/none.sock (DOCKER_HOST): not there
        and: the Redis of REDIS_URL cannot be used: ~/none-either.sock: connect ENOENT ~/none-either.sock
        what to do:
          start that engine, correct DOCKER_HOST, or unset it to have the usual sockets tried
          start it, correct REDIS_URL, or unset it to have one started here"
    `);
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
  });

  it("changes the system only as root on Linux, when told to or in CI, and never against a no", () => {
    const root = process.platform === "linux" && process.getuid?.() === 0;
    const may = (env: NodeJS.ProcessEnv, ...argv: string[]) => mayInstall({ env, argv });
    expect(may({})).toBe(root);
    expect(may({}, "--install")).toBe(true);
    expect(may({ CI: "true" })).toBe(true);
    expect(may({ CI: "true", HEADRACE_NO_INSTALL: "1" }, "--install")).toBe(false);
  });

  it("ends a program that takes too long, and says so", async () => {
    const error = await run("sh", ["-c", "echo begun; exec sleep 60"], { timeoutMs: 300 }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(CommandError);
    expect(String(error)).toMatch(/ended by SIGKILL \(bound: 0\.3 s\)\nbegun$/);
  });
});
