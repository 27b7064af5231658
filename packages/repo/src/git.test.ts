import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InfrastructureError } from "@headrace/domain";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GitError, gitAt, type Profile } from "./git.ts";

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "headrace-git-"));
  await gitAt({ gitDir: dir }).text(["init", "--quiet", "--bare", "--template="]);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const at = (profile: Profile) => gitAt({ gitDir: dir, profile });
const hang = ["-c", "alias.hang=!sleep 60", "hang"];

test("a command past its time is ended with everything it started", async () => {
  const started = Date.now();
  const run = at("sealed").run(hang, { timeoutMs: 300 });
  await expect(run).rejects.toBeInstanceOf(InfrastructureError);
  await expect(run).rejects.toThrow("limit of 300 ms");
  // close only comes when the sleeping child has let go of the pipes too
  expect(Date.now() - started).toBeLessThan(30_000);
});

test("a command with a text answer has a time limit too", async () => {
  const read = at("sealed").text(["cat-file", "--batch"], { timeoutMs: 300 });
  await expect(read).rejects.toThrow("limit of 300 ms");
});

test("output past its bound fails, or is cut where that was asked", async () => {
  const git = at("sealed");
  const blob = await git.run(["hash-object", "-w", "--stdin"], { stdin: "x".repeat(100_000) });
  const show = ["cat-file", "blob", blob.stdout.toString("utf8").trim()];
  await expect(git.run(show, { maxBytes: 1000 })).rejects.toThrow("limit of output");
  await expect(git.text(show, { maxBytes: 1000 })).rejects.toThrow("1000 bytes of output");
  const cut = await git.run(show, { maxBytes: 1000, truncate: true });
  expect([cut.stdout.length, cut.truncated]).toEqual([1000, true]);
  expect((await git.run(show, { maxBytes: 100_000 })).truncated).toBe(false);
});

test("an unexpected exit code is an error in both forms, also without a word on stderr", async () => {
  const git = at("sealed");
  const quiet = ["rev-parse", "--verify", "--quiet", "refs/heads/none"];
  await expect(git.run(quiet)).rejects.toBeInstanceOf(GitError);
  await expect(git.text(quiet)).rejects.toBeInstanceOf(GitError);
  expect((await git.run(quiet, { ok: [1] })).code).toBe(1);
});

test("neither the caller's environment nor its configuration reaches a sealed git", async () => {
  const config = join(dir, "personal");
  writeFileSync(config, "[probe]\n\tkey = personal\n");
  vi.stubEnv("GIT_CONFIG_GLOBAL", config);
  vi.stubEnv("GIT_CONFIG_PARAMETERS", "'probe.key=parameters'");
  vi.stubEnv("GIT_DIR", "/nowhere");
  vi.stubEnv("GIT_OBJECT_DIRECTORY", "/nowhere");
  vi.stubEnv("LD_PRELOAD_PROBE", "here");
  const environment = ["-c", "alias.env=!env", "env"];
  const { stdout } = await at("sealed").run(environment);
  const text = stdout.toString("utf8");
  expect(text).not.toMatch(/personal|nowhere|LD_PRELOAD_PROBE|probe\.key/);
  expect(text).toMatch(/^GIT_CONFIG_GLOBAL=\/dev\/null$/m);
  expect(await at("sealed").text(["config", "--list", "--name-only"])).not.toContain("probe");
});

test("the user's profile keeps the person's environment, but not what points git elsewhere", async () => {
  vi.stubEnv("GIT_DIR", "/nowhere");
  vi.stubEnv("PERSONAL_PROBE", "here");
  const { stdout } = await at("user").run(["-c", "alias.env=!env", "env"]);
  expect(stdout.toString("utf8")).toMatch(/^PERSONAL_PROBE=here$/m);
  expect(stdout.toString("utf8")).not.toContain("nowhere");
});

test.each<Profile>(["sealed", "user"])(
  "hooks and fsmonitor are off for the %s profile",
  async (profile) => {
    writeFileSync(
      join(dir, "config"),
      "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\thooksPath = /evil\n\tfsmonitor = /evil\n",
    );
    expect(await at(profile).text(["config", "core.hooksPath"])).toBe("/dev/null\n");
    expect(await at(profile).text(["config", "core.fsmonitor"])).toBe("false\n");
  },
);
