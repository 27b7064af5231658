import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir } from "./git.ts";

export const LAUNCHER = fileURLToPath(
  new URL("../../packages/cli/bin/headrace.mjs", import.meta.url),
);

export type Ended = { code: number; out: string; err: string };

/** A person at a prompt in a folder of their own, with a data directory of their own and no key. */
export type Shell = AsyncDisposable & {
  dir: string;
  data: string;
  env: NodeJS.ProcessEnv;
  file(path: string, content: string | Uint8Array): Promise<string>;
  /** Runs `headrace ...args` to its end. */
  headrace(...args: string[]): Promise<Ended>;
  /** Starts it and leaves it running. */
  start(...args: string[]): ChildProcess;
};

/** The test's own environment without anything that could reach a provider or another data directory. */
const quietEnv = (data: string): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(ANTHROPIC|HEADRACE|GIT|VITEST)/.test(name)),
  ),
  HEADRACE_HOME: data,
  NO_COLOR: "1",
});

/** What a child prints until it ends. */
export const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const said = { out: "", err: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said.out += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said.err += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === null) reject(new Error(`ended by ${signal}: ${said.err}`));
      else resolve({ code, ...said });
    });
  });

/** Closing it stops the background factory, if one was started, and removes everything. */
export const openShell = async (more: NodeJS.ProcessEnv = {}): Promise<Shell> => {
  const { path: dir } = await tempDir("headrace-shell-");
  const data = join(dir, "data");
  const env = { ...quietEnv(data), ...more };
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [LAUNCHER, ...args], {
      cwd: dir,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  const headrace = (...args: string[]): Promise<Ended> => ended(start(...args));
  return {
    dir,
    data,
    env,
    start,
    headrace,
    async file(path, content) {
      const full = join(dir, path);
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, content);
      return full;
    },
    async [Symbol.asyncDispose]() {
      if (existsSync(data)) await headrace("stop");
      await rm(dir, { recursive: true, force: true });
    },
  };
};
