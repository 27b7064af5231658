import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, PRODUCT, UserError } from "@headrace/domain";
import { connect } from "./connect.ts";
import type { Redact } from "./event-log.ts";
import { fileProblems, openChainProblems } from "./integrity.ts";
import { lockForWriting } from "./lock.ts";
import { migrate, SCHEMA_VERSION, schemaVersion } from "./migrations.ts";
import type { Sql } from "./sql.ts";
import { SqliteStore } from "./sqlite-store.ts";

export type StoreOptions = {
  file: string;
  clock: Clock;
  /** reads beside a living writer, or without one; every write throws */
  readOnly?: boolean;
  /** takes secrets out of every text of an event before it is written */
  redact?: Redact;
};

const unchanged: Redact = (text) => text;

const useWal = (sql: Sql, file: string): void => {
  const mode = sql.get<{ journal_mode: string }>("PRAGMA journal_mode = WAL")?.journal_mode;
  if (mode !== "wal")
    throw new UserError(
      `the file system of ${file} cannot hold the store (journal mode ${mode})`,
      "name a data directory on a local disk with --data",
    );
};

const isClean = (sql: Sql): boolean =>
  sql.get<{ value: string }>("SELECT value FROM meta WHERE key = 'clean'")?.value !== "no";

const setClean = (sql: Sql, clean: boolean): void => {
  sql.write(() =>
    sql.run(
      `INSERT INTO meta (key, value) VALUES ('clean', ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      clean ? "yes" : "no",
    ),
  );
};

const requireSound = (sql: Sql, file: string): void => {
  const inFile = fileProblems(sql);
  const problems = inFile.length > 0 ? inFile : openChainProblems(sql);
  if (problems.length > 0)
    throw new UserError(
      `${file} was damaged when its last writer stopped: ${problems.join("; ")}`,
      "restore it from a backup; nothing was changed",
    );
};

const openWriter = (file: string, clock: Clock, redact: Redact): SqliteStore => {
  const lock = lockForWriting(file);
  try {
    // never opened here once it exists: closing any descriptor of it would drop SQLite's own locks
    if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
    return connect(file, false, (sql) => {
      useWal(sql, file);
      migrate(sql, file);
      const uncleanStop = !isClean(sql);
      if (uncleanStop) requireSound(sql, file);
      setClean(sql, false);
      const close = () => {
        try {
          setClean(sql, true);
        } finally {
          sql.close();
          lock[Symbol.dispose]();
        }
      };
      return new SqliteStore({ sql, clock, redact, uncleanStop, close });
    });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
};

/** Who only reads cannot bring the file up to date. */
export class OlderStoreError extends UserError {}

const openReader = (file: string, clock: Clock): SqliteStore =>
  connect(file, true, (sql) => {
    if (schemaVersion(sql, file) < SCHEMA_VERSION)
      throw new OlderStoreError(
        `${file} has the format of an older ${PRODUCT}`,
        `start the factory once, which brings it up to date: \`${PRODUCT} serve\``,
      );
    return new SqliteStore({
      sql,
      clock,
      redact: unchanged,
      uncleanStop: false,
      close: () => sql.close(),
    });
  });

/**
 * Opens the store, making it if need be. At most one process writes: a second writer is refused with a
 * `UserError` that names the first; readers are never kept out. After an unclean stop the file and the chains of
 * open runs are checked before anything is written.
 */
export const openStore = async ({
  file,
  clock,
  readOnly = false,
  redact = unchanged,
}: StoreOptions): Promise<SqliteStore> => {
  if (readOnly) {
    if (!existsSync(file))
      throw new UserError(
        `there is no store at ${file}`,
        `start a run with \`${PRODUCT} run\`, or name another data directory with --data`,
      );
    return openReader(file, clock);
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // one lock for one file, by whatever links it is reached
  const real = existsSync(file)
    ? realpathSync(file)
    : join(realpathSync(dirname(file)), basename(file));
  return openWriter(real, clock, redact);
};
