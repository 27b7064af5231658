import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { EgressRequest, EventOf, EventType, StoredEvent } from "@headrace/domain";
import Docker from "dockerode";
import { vi } from "vitest";
import { stringify } from "yaml";
import { engineAddress } from "./engine.ts";
import { commitFiles, git } from "./git.ts";
import type { Conversation } from "./script.ts";
import type { Ended, Shell } from "./shell.ts";

/** Makes the repository `name` in the person's folder; returns its path. */
export const makeRepository = async (
  shell: Shell,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string> => {
  const path = join(shell.dir, name);
  await mkdir(path);
  git(path, "init", "--quiet", "--initial-branch=main");
  await commitFiles(path, files);
  return path;
};

export type FinishedRun = Ended & {
  id: string;
  events: StoredEvent[];
  of<T extends EventType>(type: T): EventOf<T>[];
  /** what its sandboxes asked of the egress proxy */
  requests: EgressRequest[];
  /** a file at the tip of the integration branch */
  merged(path: string): string;
};

/** Submits `spec` with the script and follows the run to its end in the client's own process. */
export const runScripted = async (
  shell: Shell,
  repo: string,
  given: { spec: string; script: readonly Conversation[] },
): Promise<FinishedRun> => {
  await shell.file("spec.md", given.spec);
  await shell.file("script.yaml", stringify({ conversations: given.script }));
  const args = ["--repo", repo, "--model", "script:script.yaml", "--foreground"];
  const ended = await shell.headrace("run", "spec.md", ...args);
  const [, id = ""] = /^run (\S+):/m.exec(ended.out) ?? [];
  const log = await shell.headrace("log", id, "--json");
  const events = log.out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as StoredEvent);
  const of = <T extends EventType>(type: T) =>
    events.filter((e) => e.type === type) as EventOf<T>[];
  return {
    ...ended,
    id,
    events,
    of,
    requests: of("network.used").flatMap(({ requests }) => requests),
    merged: (path) => git(repo, "show", `headrace/${id}/integration:${path}`),
  };
};

/** The images of the environments a run worked in and was verified in, the base's first. */
export const environmentsOf = ({ events }: FinishedRun): string[] => {
  const images = events.map((e) => {
    if (e.type === "receipt.recorded") return e.receipt.key.image;
    return e.type === "step.finished" && e.result.kind === "environment"
      ? e.result.image
      : undefined;
  });
  return [...new Set(images.filter((image) => image !== undefined))];
};

/** All that an engine tells of an image: its settings and how its layers were made. */
const imageRecords = async (images: readonly string[]): Promise<string> => {
  const docker = new Docker(await engineAddress());
  const records = images.map(async (id) => {
    const image = docker.getImage(id);
    return [await image.inspect(), await image.history()];
  });
  return JSON.stringify(await Promise.all(records));
};

/**
 * Takes environments away that no later test can use, for a registry's port is part of what they are made from. The
 * container of a sandbox that was given up may be under removal still.
 */
export const removeImages = async (images: readonly string[]): Promise<void> => {
  const docker = new Docker(await engineAddress());
  for (const image of images)
    await vi.waitFor(() => docker.getImage(image).remove({ force: true }), {
      timeout: 20_000,
      interval: 500,
    });
};

/** Which files of the data directory, and which tables of its database, hold one of these texts. */
const whereStored = async (data: string, texts: readonly string[]): Promise<string[]> => {
  const holds = (bytes: Buffer) => texts.some((text) => bytes.includes(text));
  const files = (await readdir(data, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const found: string[] = [];
  for (const file of files) if (holds(await readFile(file))) found.push(file);
  // a value may lie over pages that are not neighbours in the file
  using database = new DatabaseSync(join(data, "headrace.db"), { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of tables) {
    const rows = database.prepare(`SELECT * FROM "${name}"`).all();
    const values = rows.flatMap((row) => Object.values(row));
    const bytes = values.map((value) =>
      ArrayBuffer.isView(value) ? Buffer.from(value as Uint8Array) : Buffer.from(String(value)),
    );
    if (bytes.some(holds)) found.push(`table ${name}`);
  }
  return found;
};

/**
 * Where one of these texts is after `check` and a run in this repository: in what they printed, the run's log, an image,
 * a commit, or the data directory.
 */
export const whereTold = async (
  texts: readonly string[],
  after: { shell: Shell; repo: string; checked: Ended; run: FinishedRun },
): Promise<string[]> => {
  const { shell, repo, checked, run } = after;
  const said = {
    "what check printed": checked.out + checked.err,
    "what the run printed": run.out + run.err,
    "the run's log": JSON.stringify(run.events),
    "an image": await imageRecords(environmentsOf(run)),
  };
  const told = Object.entries(said).filter(([, all]) => texts.some((text) => all.includes(text)));
  const commits = texts.map((text) => git(repo, "log", "--all", "--format=commit %H", `-S${text}`));
  return [
    ...told.map(([where]) => where),
    ...commits.filter(Boolean),
    ...(await whereStored(shell.data, texts)),
  ];
};
