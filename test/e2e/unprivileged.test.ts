import { spawn, spawnSync } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { engineAddress } from "../support/engine.ts";
import { prepareHello } from "../support/hello-run.ts";
import { leftOut } from "../support/needs.ts";
import { ended, LAUNCHER, openShell } from "../support/shell.ts";

const USER = "headrace-e2e";

const must = (program: string, ...args: string[]): void => {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
};

/** A user of the group that may use the engine's socket, and nothing else. */
const engineUser = async (home: string): Promise<AsyncDisposable> => {
  const address = await engineAddress();
  if (!("socketPath" in address) || address.socketPath === undefined)
    throw new Error("the engine is not reached through a socket");
  const { gid } = await stat(address.socketPath);
  spawnSync("userdel", [USER]);
  must("useradd", "--no-create-home", "--home-dir", home, "--groups", String(gid), USER);
  must("chown", "--recursive", `${USER}:`, home);
  return {
    async [Symbol.asyncDispose]() {
      must("userdel", USER);
    },
  };
};

const noRoot = leftOut(process.getuid?.() !== 0);
const title = "a user without privileges, in the engine's group, runs the whole line";

test.skipIf(process.platform !== "linux" || noRoot)(`${title} (needs root on Linux)`, async () => {
  await using shell = await openShell();
  const { repo, args } = await prepareHello(shell, "hello");
  await using _user = await engineUser(shell.dir);
  const env = { PATH: shell.env.PATH, HOME: shell.dir, HEADRACE_HOME: shell.data };
  const as = ["--user", USER, "--", process.execPath, LAUNCHER];
  const run = spawn("runuser", [...as, ...args, "--json", "--foreground"], {
    cwd: shell.dir,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, out, err } = await ended(run);
  expect(code, out + err).toBe(0);
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number; type: string; run: string });
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
  expect(events.filter((e) => e.type === "merge.landed")).toHaveLength(1);
  const tip = `headrace/${events[0]?.run}/integration`;
  const log = ["-C", repo, "log", "--first-parent", "--merges", "--format=%(trailers:only)", tip];
  const landings = spawnSync("runuser", ["--user", USER, "--", "git", ...log], {
    encoding: "utf8",
  });
  expect(landings.stdout).toMatch(/^Headrace-Task: hello$/m);
  expect((await stat(join(shell.data, "headrace.db"))).uid).toBe((await stat(repo)).uid);
});
