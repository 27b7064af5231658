import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { expect, it } from "vitest";
import { connect, pragmas, requireSafeSqlite } from "./connect.ts";

it("syncs every commit and keeps foreign keys, on every open and not only the first", () => {
  const dir = mkdtempSync(join(tmpdir(), "headrace-connect-"));
  const settings = () =>
    connect(join(dir, "x.db"), false, (sql) => {
      sql.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)");
      const read = (name: string) => Object.values(sql.get<object>(`PRAGMA ${name}`) ?? {})[0];
      const found = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map(read);
      sql.close();
      return found;
    });
  const FULL = 2;
  expect(settings()).toEqual(["wal", FULL, 1, 5000]);
  expect(settings()).toEqual(["wal", FULL, 1, 5000]);
  rmSync(dir, { recursive: true });
});

it("asks macOS, and no other system, for a real flush to the disk", () => {
  expect(pragmas("darwin")).toContain("fullfsync = ON");
  expect(pragmas("linux").join()).not.toContain("fullfsync");
});

it.each(["3.51.3", "3.51.10", "3.52.0", "3.53.4", "4.0.0"])("accepts SQLite %s", (version) => {
  expect(() => requireSafeSqlite(version)).not.toThrow();
});

it.each(["3.51.2", "3.40.1", "3.7.0", "2.99.9", "3.51"])(
  "refuses SQLite %s, which can corrupt a WAL file, and says what to do",
  (version) => {
    const refused = () => requireSafeSqlite(version);
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(`SQLite ${version}`);
    expect(refused).toThrow("`npm run setup` installs one");
  },
);
