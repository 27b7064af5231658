import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitFiles, git } from "../support/git.ts";
import { prepareHello } from "../support/hello-run.ts";
import { openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell[Symbol.asyncDispose]());

/** Submits and cancels at once: what is told before anything is built. */
const announced = async (repo: string): Promise<string> => {
  const args = ["run", "spec.md", "--repo", repo, "--model", "script:states.yaml", "--detach"];
  const { code, out, err } = await shell.headrace(...args);
  expect(code, err).toBe(0);
  const [, run = ""] = /^run (\S+):/m.exec(out) ?? [];
  expect(await shell.headrace("cancel", run)).toMatchObject({ code: 0 });
  return out;
};

describe("a repository in any state", () => {
  it("is built from the commit that is named, and its checkout is left alone", async () => {
    const { repo } = await prepareHello(shell, "states");
    const first = git(repo, "rev-parse", "HEAD").slice(0, 12);
    expect(await announced("states")).toContain(`starts from ${first} of ${repo}\n`);

    const second = (await commitFiles(repo, { "README.md": "readme two\n" })).slice(0, 12);
    git(shell.dir, "clone", "--quiet", "--bare", "states", "bare.git");
    expect(await announced("bare.git")).toContain(
      `starts from ${second} of ${shell.dir}/bare.git\n`,
    );
    git(shell.dir, "clone", "--quiet", "--depth=1", `file://${repo}`, "shallow");
    expect(await announced("shallow")).toContain(`${shell.dir}/shallow (a shallow clone)\n`);

    git(repo, "checkout", "--quiet", "--detach", "HEAD~1");
    await commitFiles(repo, { "README.md": "readme three\n" });
    git(repo, "config", "user.email", "ada@example.com");
    expect(() => git(repo, "rebase", "--quiet", "main")).toThrow("could not apply");
    const status = git(repo, "status", "--porcelain");
    expect(await announced("states")).toContain(
      `starts from ${second} of ${repo} (uncommitted changes are left out; a rebase is in progress and stays; detached)\n`,
    );
    expect(git(repo, "status", "--porcelain")).toBe(status);
  });

  it("gets a headrace.yaml from init, which check then runs", async () => {
    const { repo } = await prepareHello(shell, "plain");
    git(repo, "rm", "--quiet", "headrace.yaml");
    const manifest = JSON.stringify({ name: "plain", scripts: { test: "node --test" } });
    const passing = 'import { test } from "node:test";\ntest("one", () => {});\n';
    await commitFiles(repo, { "package.json": manifest, "one.test.mjs": passing });
    const wrote = await shell.headrace("init", "--repo", "plain");
    expect(wrote).toMatchObject({ code: 0, err: "" });
    const written = await readFile(join(repo, "headrace.yaml"), "utf8");
    expect(written).toContain("run: npm test\n    timeout: 10m\n");
    expect(written).toContain("#   dockerfile: ");
    expect(written).not.toContain("docs/");
    expect(await shell.headrace("init", "--repo", "plain")).toMatchObject({
      code: 2,
      err: `headrace: ${repo}/headrace.yaml exists already\n  Edit it, or move it away first.\n`,
    });
    await commitFiles(repo, {});
    const green = await shell.headrace("check", "--repo", "plain");
    expect(green, green.err).toMatchObject({ code: 0 });
    expect(green.out).toMatch(/gate test: pass/);

    const throwing = `${passing}throw new Error("no");\n`;
    await commitFiles(repo, { "one.test.mjs": throwing, ".nvmrc": "22\n" });
    const red = await shell.headrace("check", "--repo", "plain", "--json");
    expect(red.code).toBe(1);
    const told = expect.stringMatching(/^setup does not install .* the image's own run \(Node \d/);
    expect(JSON.parse(red.out)).toMatchObject({ notes: [told] });
  });

  it("without gates gets an example from init, and from check all that stands in a run's way", async () => {
    const { repo } = await prepareHello(shell, "bald");
    git(repo, "rm", "--quiet", "headrace.yaml");
    const token = ["ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");
    await commitFiles(repo, { "notes.env": `T=${token}\n` });
    const wrote = await shell.headrace("init", "--repo", "bald", "--data", "data");
    expect(wrote.out).toContain(`headrace check --repo ${repo} --data ${shell.data}\n`);
    expect(await readFile(join(repo, "headrace.yaml"), "utf8")).toMatch(
      /^# gates:\n# {3}- name: test\n# {5}run: npm test\n# {5}timeout: 10m$/m,
    );
    const { code, out, err } = await shell.headrace("check", "--repo", "bald");
    expect(code, err).toBe(1);
    expect(out).toContain("note: headrace.yaml in your checkout differs from the one at ");
    expect(out).toContain("gates: none found; the plan of a run brings its own\n");
    expect(out).toContain("write them to headrace.yaml and commit it, for example\n    gates:\n");
    expect(out).toMatch(
      /\na run would be refused: secrets \(see above\), unless with --allow-secrets\n$/,
    );
    const json = await shell.headrace("check", "--repo", "bald", "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      secrets: ["notes.env:1: looks like a secret (github)"],
    });
  });
});

it("doctor looks for keys in the data directory that is named", async () => {
  const file = await shell.file("elsewhere/credentials", "ANTHROPIC_API_KEY=x\n");
  await chmod(file, 0o600);
  const { out } = await shell.headrace("doctor", "--json", "--data", "elsewhere");
  const detail = `anthropic has ANTHROPIC_API_KEY of ${file}`;
  expect(JSON.parse(out)).toContainEqual({ name: "model key", state: "ok", detail });
});

it("doctor tells what this machine has, as a table and as JSON", async () => {
  const { code, out } = await shell.headrace("doctor", "--json");
  const findings = JSON.parse(out) as { name: string; state: string }[];
  expect(findings.map((f) => f.name)).toEqual(expect.arrayContaining(["node", "git", "redis"]));
  expect(code).toBe(findings.some((f) => f.state === "missing") ? 1 : 0);
  const table = await shell.headrace("doctor");
  for (const { name, state } of findings)
    expect(table.out).toMatch(new RegExp(`^${state} +${name} `, "m"));
});
