import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { git } from "../support/git.ts";
import { ended, openShell } from "../support/shell.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const EXAMPLE = path("../../examples/csvstat/");
const PLAYER = path("../fixtures/relay-example.mjs");

test("another process plays every role of the demo, seeing nothing but request files", async () => {
  await using shell = await openShell();
  const relay = join(shell.dir, "relay");
  const player = spawn(process.execPath, [PLAYER, relay, `${EXAMPLE}script.yaml`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const played = ended(player).catch((error: Error) => error.message);
  const run = shell.start(
    ...["run", `${EXAMPLE}spec.md`, "--new", "repo", "--model", "relay:relay", "--foreground"],
  );
  // a run whose model has gone would wait for an hour
  player.once("exit", () => run.kill("SIGTERM"));
  const { code, out, err } = await ended(run);
  player.kill("SIGTERM");
  expect(await played).toBe("ended by SIGTERM: ");
  expect(code, out + err).toBe(0);
  expect(out).toContain("complete · 7 of 7 tasks landed");
  const [requests, replies] = await Promise.all(
    ["requests", "replies"].map(async (folder) => (await readdir(join(relay, folder))).sort()),
  );
  expect(requests?.length).toBeGreaterThan(30);
  expect(replies).toEqual(requests);
  const repo = join(shell.dir, "repo");
  const branch = git(
    repo,
    "for-each-ref",
    "--format=%(refname)",
    "refs/heads/headrace/*/integration",
  );
  expect(
    git(repo, "log", "--first-parent", "--merges", "--format=%s", branch).split("\n"),
  ).toHaveLength(7);
});
