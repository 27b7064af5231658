import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { fingerprint } from "../support/fingerprint.ts";
import { tempDir } from "../support/git.ts";

/** Files of this machine that an escape would go for first; other tests make users, so not those that list them. */
const SYSTEM_FILES = /^(?:sudoers|hosts|crontab|profile|ld\.so\.preload|environment|bash\.bashrc)$/;
const SYSTEM_FOLDERS = /^(?:cron\.d|profile\.d|sudoers\.d|ssh|init\.d)\//;

/** What must never happen on the host, watched while attacks run. */
export type Tripwires = AsyncDisposable & {
  /** a program that exists on the host, and leaves its first argument behind when it is run */
  payload: string;
  /** a host file that is in no sandbox, and the text in it */
  treasure: { path: string; text: string };
  /** a folder that only the host has; attacks write to paths below it */
  folder: string;
  /** names of payloads that were run on the host since the last call of `reset` */
  sprung(): Promise<string[]>;
  /** forgets what was sprung on purpose, to show that a trap works */
  reset(): Promise<void>;
  /** Watches every file of a folder too, but what `skip` names. */
  watch(dir: string, skip?: (path: string) => boolean): Promise<void>;
  /** Counts an execution that nobody allowed, as strace saw it. */
  report(execution: string): void;
  /** Throws where a payload ran or a watched file changed. */
  assertSilent(when: string): Promise<void>;
  /** Has a number looked at with the others; it must stay 0. */
  count(what: string, number: () => number): void;
  /** every count, for the table */
  summary(): string;
};

const PAYLOAD = (sprung: string) =>
  `#!/bin/sh\n: > "${sprung}/\${1:-payload}"\n[ "$1" = process ] && exit 1\ncat 2>/dev/null\nexit 0\n`;

export const setTripwires = async (): Promise<Tripwires> => {
  const dir = await tempDir("headrace-tripwire-");
  const sprungDir = join(dir.path, "sprung");
  const folder = join(dir.path, "host");
  await mkdir(sprungDir);
  await mkdir(folder);
  const payload = join(folder, "payload");
  await writeFile(payload, PAYLOAD(sprungDir));
  await chmod(payload, 0o755);
  const treasure = { path: join(folder, "treasure.txt"), text: "only the host has this\n" };
  await writeFile(treasure.path, treasure.text);

  const watched: { dir: string; skip: (path: string) => boolean; before: unknown }[] = [];
  const watch: Tripwires["watch"] = async (path, skip = () => false) => {
    watched.push({ dir: path, skip, before: await fingerprint(path, skip) });
  };
  await watch(folder);
  if (existsSync("/etc"))
    await watch("/etc", (path) => !SYSTEM_FILES.test(path) && !SYSTEM_FOLDERS.test(path));

  let executions = 0;
  let changes = 0;
  const counts = new Map<string, () => number>([
    ["host executions", () => executions],
    ["changed host files", () => changes],
  ]);
  const unlisted: string[] = [];
  const sprung = () => readdir(sprungDir);
  return {
    payload,
    treasure,
    folder,
    sprung,
    watch,
    count: (what, number) => void counts.set(what, number),
    summary: () => [...counts].map(([what, number]) => `${number()} ${what}`).join(", "),
    report: (execution) => void unlisted.push(execution),
    async reset() {
      for (const name of await sprung()) await rm(join(sprungDir, name));
    },
    async assertSilent(when) {
      const ran = [...(await sprung()), ...unlisted];
      executions = ran.length;
      expect(ran, `${when}: programs that ran on the host`).toEqual([]);
      changes = 0;
      for (const { dir: path, skip, before } of watched) {
        const after = await fingerprint(path, skip);
        const changed = Object.keys({ ...(before as object), ...after }).filter(
          (name) => (before as Record<string, string>)[name] !== after[name],
        );
        changes += changed.length;
        expect(changed, `${when}: files that changed in ${path}`).toEqual([]);
      }
      for (const [what, number] of counts) expect(number(), `${when}: ${what}`).toBe(0);
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
};
