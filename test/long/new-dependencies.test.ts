import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EgressRequest } from "@headrace/domain";
import { createEgress } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LABELS_OF_TEST, LIMITS, sh } from "../contract/suites/sandbox-harness.ts";
import { dockerHarness } from "../support/engine.ts";
import { commitFiles, git, gitBytes, packFrom, tempRepo } from "../support/git.ts";
import { NO_NPM } from "../support/needs.ts";

const INSTALL_MS = 120_000;
const YARN = "npx --yes yarn@1.22.22";
const PNPM = "npx --yes pnpm@10.20.0";
const APP = {
  "package.json": '{ "name": "app", "version": "1.0.0", "license": "MIT" }\n',
  ".gitignore": "node_modules\n",
};

/** What a package manager does to a repository on this host, with no proxy between and no settings of its person. */
const onHost = (folder: string, command: string) =>
  execFileSync("sh", ["-c", command], {
    cwd: folder,
    stdio: "pipe",
    env: { ...process.env, npm_config_omit_lockfile_registry_resolved: "false" },
  });

/** The files of `APP` with one dependency, as this host's npm writes them. */
const withLockfile = async (added: string): Promise<Record<string, string>> => {
  await using repo = await tempRepo();
  await commitFiles(repo.path, APP);
  onHost(repo.path, `npm install ${added}`);
  const names = [...Object.keys(APP), "package-lock.json"];
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(repo.path, name), "utf8")]),
  );
};

describe.skipIf(NO_NPM)("a coder's sandbox with the package registries (needs npm's)", () => {
  const egress = createEgress({ registries: [] });
  let harness: Awaited<ReturnType<typeof dockerHarness>>;
  beforeAll(async () => {
    harness = await dockerHarness({ egress });
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
    await egress[Symbol.asyncDispose]();
  });

  const environmentOf = async (files: Record<string, string>, setup: string[]) => {
    const { image } = await harness.sandboxes.environment(
      {
        ...{ image: undefined, setup, env: {}, limits: LIMITS, timeoutMs: INSTALL_MS },
        files: Object.entries(files).map(([path, text]) => ({
          ...{ path, bytes: Buffer.from(text), executable: false },
        })),
      },
      {},
    );
    if (setup.length > 0) harness.discardLater(image);
    return image;
  };

  /** Runs the command on these files in a sandbox and on this host; answers the lockfile that each is left with. */
  const inBoth = async (
    files: Record<string, string>,
    at: { command: string; lockfile: string; setup?: string[]; after?: string },
  ) => {
    const { command, lockfile, setup = [], after = "true" } = at;
    await using repo = await tempRepo();
    const base = await commitFiles(repo.path, files);
    const requests: EgressRequest[] = [];
    const onRequest = (request: EgressRequest) => void requests.push(request);
    await using sandbox = await harness.sandboxes.open({
      image: await environmentOf(files, setup),
      limits: { ...LIMITS, memoryMb: 1024, pids: 256 },
      env: {},
      labels: LABELS_OF_TEST,
      network: { phase: "coding", hosts: [], onRequest },
    });
    await sandbox.checkout(packFrom(repo.path, `--shallow ${base}`, base), base);
    expect(await sh(sandbox, command, INSTALL_MS)).toMatchObject({ exitCode: 0 });
    const { pack, commit } = await sandbox.snapshot(base);
    gitBytes(repo.path, ["index-pack", "--stdin", "--strict"], pack);
    const seen = await sandbox.read(lockfile, 1_000_000);
    expect(await sh(sandbox, after, INSTALL_MS)).toMatchObject({ exitCode: 0 });
    onHost(repo.path, command);
    return {
      requests,
      seen: Buffer.from(seen?.bytes ?? []).toString(),
      snapshot: gitBytes(repo.path, ["show", `${commit}:${lockfile}`]).toString(),
      changed: git(repo.path, "diff", "--name-only", base, commit).split("\n"),
      host: readFileSync(join(repo.path, lockfile), "utf8"),
    };
  };

  it("leaves the lockfile that npm writes on the host, and installs from it again", async () => {
    const { requests, seen, snapshot, changed, host } = await inBoth(
      await withLockfile("is-number@7.0.0"),
      {
        ...{ command: "npm install left-pad@1.3.0", lockfile: "package-lock.json" },
        setup: ["npm ci"],
        after: "node -e 'require(\"left-pad\")' && rm -rf node_modules && npm ci",
      },
    );
    expect(host).toContain('"https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz"');
    expect(snapshot).toBe(host);
    expect(seen).toBe(host);
    expect(changed).toEqual(["package-lock.json", "package.json"]);
    expect(new Set(requests.map(({ phase }) => phase))).toEqual(new Set(["coding"]));
    expect(requests.map(({ path }) => path)).toContain("/left-pad/-/left-pad-1.3.0.tgz");
  });

  it("lets npm write a lockfile that git could not merge", async () => {
    const ours = await withLockfile("is-number@7.0.0");
    const theirs = await withLockfile("left-pad@1.3.0");
    const files = {
      ...ours,
      "package.json": `${JSON.stringify({ ...JSON.parse(APP["package.json"]), dependencies: { "is-number": "^7.0.0", "left-pad": "^1.3.0" } }, null, 2)}\n`,
      "package-lock.json": `<<<<<<< ours\n${ours["package-lock.json"]}=======\n${theirs["package-lock.json"]}>>>>>>> theirs\n`,
    };
    const at = { command: "npm install", lockfile: "package-lock.json" };
    const { snapshot, changed, host } = await inBoth(files, at);
    expect(snapshot).toContain("https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz");
    expect(snapshot).toBe(host);
    expect(changed).toEqual(["package-lock.json"]);
  });

  it.each([
    ["pnpm", `${PNPM} add left-pad@1.3.0`, "pnpm-lock.yaml", `${PNPM} install --frozen-lockfile`],
    ["yarn", `${YARN} add left-pad@1.3.0`, "yarn.lock", `${YARN} install --frozen-lockfile`],
  ])("leaves the lockfile that %s writes on the host", async (_, command, lockfile, again) => {
    const { snapshot, seen, host } = await inBoth(APP, { command, lockfile, after: again });
    expect(host).toContain("sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy");
    expect(snapshot).toBe(host);
    expect(seen).toBe(host);
  });
});
