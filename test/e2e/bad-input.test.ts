import { spawnSync } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { startSimulator } from "@headrace/simulator";
import { describe, expect, it } from "vitest";
import { BAD_INPUTS, type BadInput, runs, SCRIPT, SPEC } from "../support/bad-inputs.ts";
import { fingerprint } from "../support/fingerprint.ts";
import { commitFiles, git } from "../support/git.ts";
import { openShell, type Shell } from "../support/shell.ts";

/** Every file with its hash, and every folder. */
const everything = async (dir: string) => ({
  folders: (await readdir(dir, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(),
  files: await fingerprint(dir),
});

const processesNaming = (dir: string): string[] =>
  spawnSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => line.includes(dir));

const prepare = async (shell: Shell, { files, commit, arrange }: Partial<BadInput>) => {
  await mkdir(join(shell.dir, "repo"));
  git(shell.dir, "init", "--quiet", "--initial-branch=main", "repo");
  await commitFiles(join(shell.dir, "repo"), { "README.md": "hello\n", ...commit });
  const written = { "spec.md": SPEC, "script.yaml": SCRIPT, ...files };
  for (const [path, content] of Object.entries(written)) await shell.file(path, content);
  await arrange?.(shell);
};

/** Runs what must be refused, and shows that it started nothing, left nothing and changed nothing. */
const refusal = async (shell: Shell, args: readonly string[]): Promise<string> => {
  const before = await everything(shell.dir);
  const { code, out, err } = await shell.headrace(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  // without a data directory there is no installation either, and containers are made in its name only
  expect(await everything(shell.dir)).toEqual(before);
  expect(processesNaming(shell.data)).toEqual([]);
  return err.replaceAll(shell.dir, "DIR");
};

describe("bad input is refused with what to do about it, and nothing is started", () => {
  it.each(BAD_INPUTS)("when $when", async ({ says, args, ...given }) => {
    await using shell = await openShell();
    await prepare(shell, given);
    expect(await refusal(shell, args)).toBe(says);
  });

  it("when the provider does not know the model", async () => {
    await using shell = await openShell();
    await prepare(shell, {});
    const file = join(shell.dir, "script.yaml");
    await using provider = await startSimulator({ mode: { kind: "script", file }, apiKey: "sk-1" });
    Object.assign(shell.env, { ANTHROPIC_BASE_URL: provider.url, ANTHROPIC_API_KEY: "sk-1" });
    const args = ["run", "spec.md", "--new", "fresh", "--model", "claude-sonet-5"];
    expect(await refusal(shell, args)).toMatchInlineSnapshot(`
      "headrace: unknown model "claude-sonet-5"
        Did you mean claude-sonnet-5, claude-sonnet-4-6, claude-fable-5? The key may use: claude-sonnet-5, claude-fable-5, claude-opus-4-8, claude-opus-4-7, claude-sonnet-4-6, claude-opus-4-6, claude-haiku-4-5.
      "
    `);
    shell.env.ANTHROPIC_API_KEY = "sk-2";
    expect(await refusal(shell, args)).toMatchInlineSnapshot(`
      "headrace: the model provider cannot be used: the provider answered 401 authentication_error: invalid x-api-key (request req_sim000000002)
        Check ANTHROPIC_API_KEY (or \`credentials\` in the data directory): it must belong to the endpoint ANTHROPIC_BASE_URL names.
      "
    `);
  });

  it("when there is no container engine", async () => {
    await using shell = await openShell({ DOCKER_HOST: "unix:///nowhere/docker.sock" });
    await prepare(shell, {});
    expect(await refusal(shell, runs("spec.md"))).toMatchInlineSnapshot(`
      "headrace: DOCKER_HOST names an engine that does not answer: unix:///nowhere/docker.sock (DOCKER_HOST): not there
        start that engine, correct DOCKER_HOST, or unset it to have the usual sockets tried
      "
    `);
  });
});
