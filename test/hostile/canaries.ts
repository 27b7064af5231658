import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Sandbox } from "@headrace/domain";
import { expect } from "vitest";
import { sh } from "../contract/suites/sandbox-harness.ts";
import { canary, HUNT, spelt } from "./hunt.ts";

/** Secrets of this host that lie about while every letter attacks, and what came of them. */
export type Canaries = AsyncDisposable & {
  /** the address of a remote of the repository that attacks begin from */
  remote: string;
  /** Looks through what a sandbox printed or what left the factory. */
  note(where: string, text: string): void;
  /** Looks for all of them from inside a sandbox; throws where the hunt is blind. */
  hunt(sandbox: Sandbox, where: string): Promise<void>;
  /** which were found, and where */
  found(): readonly string[];
};

/** Where people have secrets: variables of the factory's own environment, and files. */
const VARIABLES = ["A_SECRET", "ANTHROPIC_API_KEY", "REDIS_PASSWORD", "COMPANY_TOKEN"];
const FILES = [".ssh/id_ed25519", ".netrc", ".docker/config.json"];

export const plantCanaries = async (): Promise<Canaries> => {
  const closing = new AsyncDisposableStack();
  const planted = new Map<string, string>();
  const plant = (where: string): string => {
    const one = canary();
    planted.set(one, where);
    return one;
  };
  for (const name of VARIABLES) {
    const before = process.env[name];
    process.env[name] = plant(name);
    closing.defer(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
  const dir = await mkdtemp("/tmp/headrace-canaries-");
  closing.defer(() => rm(dir, { recursive: true, force: true }));
  for (const file of FILES) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), plant(file));
  }
  const idle = ["-e", "setInterval(() => {}, 1e6)", plant("a process's arguments")];
  const env = { SEEN_IN_PROC: plant("a process's environment") };
  const child = spawn(process.execPath, idle, { stdio: "ignore", env });
  closing.defer(async () => {
    const ended = once(child, "exit");
    child.kill();
    await ended;
  });

  const found: string[] = [];
  const note: Canaries["note"] = (where, text) => {
    for (const [one, from] of planted) if (text.includes(one)) found.push(`${from} in ${where}`);
  };
  return {
    remote: `https://user:${plant("a remote's address")}@example.com/x.git`,
    note,
    found: () => found,
    async hunt(sandbox, where) {
      const control = canary();
      const { output } = await sh(
        sandbox,
        `${spelt(control)} > /tmp/bait; (${HUNT}) | grep -aoE 'cnr[y]-[0-9a-f]{24}|^hunted$' | sort -u; rm -f /tmp/bait`,
        120_000,
      );
      expect(output, `the hunt in ${where} is blind`).toContain(control);
      expect(output).toMatch(/^hunted$/m);
      note(where, output);
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};
