import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  importRun,
  type PublicKey,
  parsePublicKey,
  readPublicKey,
  type StoredRun,
  unpackArchive,
} from "@headrace/attest";
import { PRODUCT, UserError } from "@headrace/domain";
import { openBundle, openRecordRepo, type RecordRepo } from "@headrace/repo";
import { createClock, openStore } from "@headrace/store";
import type { DataDir } from "../data-dir.ts";
import type { LandedRun } from "./find-landing.ts";
import { factoryRepoDir } from "./repos.ts";

/** What is kept of one run, read from its files and from nowhere else. */
export type RunRecords = AsyncDisposable & {
  run: string;
  stored: StoredRun;
  blob(id: string): Promise<Uint8Array | undefined>;
  git: RecordRepo;
  key: PublicKey | undefined;
};

const openReadOnly = (data: DataDir) => {
  if (existsSync(data.store))
    return openStore({ file: data.store, clock: createClock(), readOnly: true });
  throw new UserError(
    `there are no runs in ${data.root}`,
    "Name the run's data directory: --data DIR",
  );
};

/** Opens nothing for writing, so a copy will do, and a factory may run beside it. */
export const openRunRecords = async (
  data: DataDir,
  run: string,
  keyFile?: string,
): Promise<RunRecords> => {
  await using closing = new AsyncDisposableStack();
  const store = await openReadOnly(data);
  closing.defer(() => store.close());
  const stored = await store.raw(run);
  const [first] = stored.events;
  if (first === undefined)
    throw new UserError(`there is no run ${run}`, `\`${PRODUCT} status\` lists the runs.`);
  const git = closing.use(openRecordRepo(factoryRepoDir(data.repos, targetOf(first.body))));
  const key =
    keyFile === undefined
      ? await readPublicKey(data.keys)
      : parsePublicKey(keyFile, await readKeyFile(keyFile));
  const kept = closing.move();
  return {
    run,
    stored,
    git,
    key,
    blob: (id) => store.getBlob(id),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};

/** The runs of a data directory, each with the commits that landed. */
export const landedRuns = async (data: DataDir): Promise<LandedRun[]> => {
  await using store = await openReadOnly(data);
  return (await store.runs()).map(({ run, tasks }) => ({
    run: run.id,
    landings: Object.values(tasks).flatMap(({ landing }) => landing?.commit ?? []),
  }));
};

/** The run of records that were read, with its landings as the log tells them, whether or not it can be trusted. */
export const landedRunIn = ({ run, stored }: RunRecords): LandedRun => ({
  run,
  landings: stored.events.flatMap(({ body }) => {
    const event = parsed(body);
    return event.type === "merge.landed" && typeof event.commit === "string" ? [event.commit] : [];
  }),
});

/** What `export` wrote, read in memory; its branch is unpacked into a folder of its own. */
export const openArchivedRecords = async (
  file: string,
  run: string | undefined,
  keyFile?: string,
): Promise<RunRecords> => {
  const bytes = await readFile(file).catch((cause) => {
    throw new UserError(`${file} cannot be read`, "Name an archive of a run.", { cause });
  });
  const files = await unpackArchive(bytes);
  try {
    const imported = importRun(files);
    if (run !== undefined && imported.run !== run) throw new Error(`it is of run ${imported.run}`);
    const pinned = keyFile && parsePublicKey(keyFile, await readKeyFile(keyFile));
    const git = await openBundle(imported);
    return {
      ...imported,
      git,
      key: pinned || imported.key,
      [Symbol.asyncDispose]: () => git[Symbol.asyncDispose](),
    };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`${file} cannot be read as run ${run ?? ""}: ${why}`, undefined, { cause });
  }
};

const readKeyFile = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((cause) => {
    throw new UserError(`${path} cannot be read`, "Name the file of a public key.", { cause });
  });

/** An event's fields; a text that hides them has none. */
const parsed = (body: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
};

/** The repository the run was submitted for, by which the factory's own is found. */
const targetOf = (body: string): string => {
  const { repo } = parsed(body);
  const { path } = Object(repo);
  return typeof path === "string" ? path : "";
};
