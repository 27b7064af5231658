import { PRODUCT, UserError } from "@headrace/domain";
import { resultCode, Sql } from "./sql.ts";

/** Settings that live with a connection, not with the file, and so are given at every open. */
export const pragmas = (platform: NodeJS.Platform): string[] => [
  "synchronous = FULL",
  "foreign_keys = ON",
  "trusted_schema = OFF",
  // a plain fsync on macOS stops at the drive's own cache
  ...(platform === "darwin" ? ["fullfsync = ON", "checkpoint_fullfsync = ON"] : []),
];

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
/** Older ones can corrupt a WAL file when two connections checkpoint and commit (the WAL-reset bug). */
const OLDEST_SQLITE = [3, 51, 3] as const;

/** Refuses an SQLite library that can corrupt the file. */
export const requireSafeSqlite = (version: string): void => {
  const found = version.split(".").map(Number);
  const differing = OLDEST_SQLITE.findIndex((part, i) => (found[i] ?? 0) !== part);
  if (differing === -1 || (found[differing] ?? 0) > (OLDEST_SQLITE[differing] ?? 0)) return;
  throw new UserError(
    `this Node brings SQLite ${version}, which can corrupt the store`,
    `use a Node whose SQLite is ${OLDEST_SQLITE.join(".")} or newer: \`npm run setup\` installs one`,
  );
};

const sqliteVersion = (sql: Sql): string =>
  sql.get<{ version: string }>("SELECT sqlite_version() AS version")?.version ?? "0";

const explained = (error: unknown, file: string): unknown => {
  switch (resultCode(error)) {
    case SQLITE_NOTADB:
      return new UserError(
        `${file} is not a store of ${PRODUCT}`,
        "move it away, or name another data directory with --data",
        { cause: error },
      );
    case SQLITE_CORRUPT:
      return new UserError(`${file} is damaged`, "restore it from a backup", { cause: error });
    default:
      return error;
  }
};

/** Connects and hands over to `prepare`; a failure closes the connection and says what the file is. */
export const connect = <T>(file: string, readOnly: boolean, prepare: (sql: Sql) => T): T => {
  const sql = new Sql(file, readOnly);
  try {
    for (const pragma of pragmas(process.platform)) sql.exec(`PRAGMA ${pragma}`);
    requireSafeSqlite(sqliteVersion(sql));
    return prepare(sql);
  } catch (error) {
    sql.close();
    throw explained(error, file);
  }
};
