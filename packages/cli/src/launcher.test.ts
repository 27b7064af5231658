import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { VERSION } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VERBS } from "../bin/help.mjs";
import { callersNode, isNewEnough } from "./machine/find-node.mjs";

const launcher = fileURLToPath(new URL("../bin/headrace.mjs", import.meta.url));
const own = await callersNode(process.env);
const nodes = [process.execPath, ...(own && !isNewEnough(own.version) ? [own.path] : [])];

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-launcher-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Ended = { code: number; stdout: string; stderr: string };

const launch = async (node: string, file: string, ...args: string[]): Promise<Ended> => {
  const env = { ...process.env, HEADRACE_HOME: join(folder, "data") };
  try {
    const ended = await promisify(execFile)(node, [file, ...args], { cwd: folder, env });
    return { code: 0, ...ended };
  } catch (error) {
    return error as Ended;
  }
};

describe.each(nodes)("the launcher on %s", (node) => {
  it("tells its version and every verb from any directory and through a link", async () => {
    const link = join(folder, "headrace");
    await symlink(launcher, link);
    expect(await launch(node, link, "--version")).toMatchObject({ stdout: `${VERSION}\n` });
    const { stdout } = await launch(node, link, "--help");
    for (const { name, summary } of VERBS) {
      expect(stdout).toContain(`  ${name} `);
      expect(stdout).toContain(summary);
    }
    const [, docs = ""] = /^Documentation: (\S+) /m.exec(stdout) ?? [];
    expect(await readdir(docs)).toEqual(
      expect.arrayContaining(["spec.md", "headrace-yaml.md", "configuration.md"]),
    );
  });

  it("tells a verb's options in three ways", async () => {
    const texts = await Promise.all([
      launch(node, launcher, "budget", "--help"),
      launch(node, launcher, "budget", "-h"),
      launch(node, launcher, "help", "budget"),
    ]);
    expect(new Set(texts.map(({ stdout }) => stdout)).size).toBe(1);
    expect(texts[0]?.stdout).toContain("--raise <usd>");
  });

  it("knows no help for a verb that there is not", async () => {
    for (const args of [
      ["chek", "--help"],
      ["help", "chek"],
    ]) {
      const { code, stdout, stderr } = await launch(node, launcher, ...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain('unknown verb "chek" (Did you mean check?)');
    }
  });

  it("passes the command's exit code on", async () => {
    const { code, stderr } = await launch(node, launcher, "no-such-verb");
    expect(code).toBe(2);
    expect(stderr).toContain("no-such-verb");
  });
});
