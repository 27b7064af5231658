import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { fingerprint } from "../support/fingerprint.ts";

/** What an escape would go for first; other tests make users, so not the files that list them. */
const SYSTEM_FILES = [
  ..."hosts crontab profile environment bash.bashrc ld.so.preload sudoers cron.d profile.d ssh/sshd_config"
    .split(" ")
    .map((name) => join("/etc", name)),
  ...".bashrc .profile .zshrc .gitconfig .npmrc .netrc .ssh/authorized_keys .ssh/config .docker/config.json"
    .split(" ")
    .map((name) => join(homedir(), name)),
];

/** A hash of a file, or of a folder's listing; whoever runs the tests may not read all of them. */
const lookAt = async (path: string): Promise<string> => {
  try {
    const content = (await stat(path)).isDirectory()
      ? (await readdir(path)).join()
      : await readFile(path);
    return createHash("sha256").update(content).digest("hex");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable";
  }
};

const systemFiles = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(SYSTEM_FILES.map(async (path) => [path, await lookAt(path)] as const)),
  );

/** What must never happen on the host, watched while attacks run. */
export type Tripwires = AsyncDisposable & {
  /** a program that exists on the host, and leaves its first argument behind when it is run */
  payload: string;
  /** the folder in which it leaves that */
  marks: string;
  /** a host file that is in no sandbox, and the text in it */
  treasure: { path: string; text: string };
  /** a folder that only the host has; attacks write to paths below it */
  folder: string;
  /** names of payloads that were run on the host since the last call of `reset` */
  sprung(): Promise<string[]>;
  /** forgets what was sprung on purpose, to show that a trap works */
  reset(): Promise<void>;
  /** Takes what strace saw of the factory's programs; throws where it cannot have looked, for it saw no git. */
  report(seen: { git: number; unlisted: readonly string[] }): void;
  /** Throws where a payload ran or a watched file changed. */
  assertSilent(when: string): Promise<void>;
  /** Has a number looked at with the others; it must stay 0. */
  count(what: string, number: () => number): void;
  /** every count, for the table */
  summary(): string;
};

const PAYLOAD = (sprung: string) =>
  `#!/bin/sh\n: > "${sprung}/\${1:-payload}"\n[ "$1" = process ] && exit 1\ncat 2>/dev/null\nexit 0\n`;

/** In /tmp wherever the host's own temporary files are, for a sandbox can have a file of the same path there. */
export const setTripwires = async (): Promise<Tripwires> => {
  const dir = await mkdtemp("/tmp/headrace-tripwire-");
  const sprungDir = join(dir, "sprung");
  const folder = join(dir, "host");
  await mkdir(sprungDir);
  await mkdir(folder);
  const payload = join(folder, "payload");
  await writeFile(payload, PAYLOAD(sprungDir));
  await chmod(payload, 0o755);
  const treasure = { path: join(folder, "treasure.txt"), text: "only the host has this\n" };
  await writeFile(treasure.path, treasure.text);

  const before = { ...(await fingerprint(folder)), ...(await systemFiles()) };
  let executions = 0;
  let changes = 0;
  const counts = new Map<string, () => number>([
    ["host executions", () => executions],
    ["changed host files", () => changes],
  ]);
  const unlisted: string[] = [];
  let watched = "strace saw nothing";
  const sprung = () => readdir(sprungDir);
  return {
    payload,
    marks: sprungDir,
    treasure,
    folder,
    sprung,
    count: (what, number) => void counts.set(what, number),
    summary: () =>
      [...[...counts].map(([what, number]) => `${number()} ${what}`), watched].join(", "),
    report(seen) {
      expect(seen.git, "runs of git that strace saw").toBeGreaterThan(0);
      watched = `strace saw git ${seen.git} times`;
      unlisted.push(...seen.unlisted);
    },
    async reset() {
      for (const name of await sprung()) await rm(join(sprungDir, name));
    },
    async assertSilent(when) {
      const ran = [...(await sprung()), ...unlisted];
      executions = ran.length;
      expect(ran, `${when}: programs that ran on the host`).toEqual([]);
      const after = { ...(await fingerprint(folder)), ...(await systemFiles()) };
      const paths = Object.keys({ ...before, ...after });
      const changed = paths.filter((path) => before[path] !== after[path]);
      changes = changed.length;
      expect(changed, `${when}: files of the host that changed`).toEqual([]);
      for (const [what, number] of counts) expect(number(), `${when}: ${what}`).toBe(0);
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
};
