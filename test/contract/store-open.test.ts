import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UserError } from "@headrace/domain";
import { openStore } from "@headrace/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  call,
  claimed,
  ManualClock,
  note,
  stepRequested,
  submitted,
  within,
} from "./suites/store-fixtures.ts";

const clock = new ManualClock();
let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-open-"));
  file = join(dir, "headrace.db");
});

afterEach(() => rm(dir, { recursive: true }));

/** A store with a little of everything, closed again. */
const filled = async (): Promise<void> => {
  await using store = await openStore({ file, clock });
  await store.append("r1", [submitted(), stepRequested("s1")]);
  const fence = await claimed(store, "r1", "s1");
  await store.reserve(fence, call("c1", 10), within(1000));
  await store.appendRecord(fence, { kind: "note", turn: 1, text: "hi" }, [note("a"), note("b")]);
};

/** Works on the file behind the store's back. */
const tamper = (...statements: string[]): void => {
  const db = new DatabaseSync(file);
  for (const statement of statements) db.exec(statement);
  db.close();
};

const markUnclean = "UPDATE meta SET value = 'no' WHERE key = 'clean'";
const unprotect = "DROP TRIGGER events_no_update; DROP TRIGGER events_no_delete";

const refusal = async (options: { readOnly?: boolean } = {}): Promise<string> => {
  const error = await openStore({ file, clock, ...options }).then(
    async (store) => {
      await store.close();
      throw new Error("it was opened");
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message.replaceAll(file, "FILE");
};

describe("a writer", () => {
  it("makes the data directory and a file that only its owner can read", async () => {
    file = join(dir, "new", "deeper", "headrace.db");
    await using store = await openStore({ file, clock });
    expect(await store.runs()).toEqual([]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "new"))).mode & 0o777).toBe(0o700);
  });

  it("finds everything again after closing", async () => {
    await filled();
    await using store = await openStore({ file, clock });
    expect(store.uncleanStop).toBe(false);
    expect((await store.events("r1")).map((e) => e.seq)).toEqual([1, 2, 3, 4]);
    expect((await store.state("r1"))?.run.seq).toBe(4);
    expect(await store.calls("r1")).toMatchObject([{ id: "c1", amount: 10 }]);
    expect(await store.records("r1", "s1")).toHaveLength(1);
    expect(await store.append("r1", [note("c")])).toMatchObject([{ seq: 5 }]);
    expect(await store.integrity()).toEqual([]);
  });

  it("keeps a second writer out, by whatever name it comes, until it is closed", async () => {
    await mkdir(join(dir, "links"));
    const first = await openStore({ file, clock });
    await symlink(file, join(dir, "links", "other.db"));
    const busy = { message: expect.stringContaining(`is in use by process ${process.pid}`) };
    await expect(openStore({ file, clock })).rejects.toMatchObject(busy);
    const other = openStore({ file: join(dir, "links", "other.db"), clock });
    await expect(other).rejects.toMatchObject(busy);
    await first.close();
    await using second = await openStore({ file, clock });
    expect(second.uncleanStop).toBe(false);
  });

  it("can be closed twice, and leaves neither journal nor pid behind", async () => {
    const store = await openStore({ file, clock });
    await store.append("r1", [submitted()]);
    await store.close();
    await store.close();
    expect([`${file}-wal`, `${file}-shm`, `${file}.pid`].filter(existsSync)).toEqual([]);
  });

  it("frees the lock when opening fails", async () => {
    await writeFile(file, "not a database, but longer than a header".repeat(10));
    expect(await refusal()).toBe(
      "FILE is not a store of headrace\n  move it away, or name another data directory with --data",
    );
    expect(await refusal()).toContain("is not a store");
  });

  it("refuses a file that a newer version wrote", async () => {
    await filled();
    tamper("PRAGMA user_version = 99");
    expect(await refusal()).toMatch(
      /^FILE was written by a newer headrace \(format 99, this one knows \d+\)\n {2}update headrace/,
    );
    expect(await refusal({ readOnly: true })).toContain("newer headrace");
  });
});

describe("after an unclean stop", () => {
  it("a sound file is opened, and says so", async () => {
    await filled();
    tamper(markUnclean);
    await using store = await openStore({ file, clock });
    expect(store.uncleanStop).toBe(true);
  });

  const damages: Array<[string, string, string]> = [
    [
      "an edited event",
      "UPDATE events SET body = json_set(body, '$.text', 'x') WHERE seq = 3",
      "event 3 of run r1: its content does not match its hash",
    ],
    [
      "a missing event",
      "DELETE FROM events WHERE seq = 2",
      "event 2 of run r1: expected event 2, found 3",
    ],
    [
      "a log cut short",
      "DELETE FROM events WHERE seq = 4",
      "run r1 stands at event 4, but its log ends at 3",
    ],
    [
      "a row that points to nothing",
      "PRAGMA foreign_keys = OFF; DELETE FROM claims",
      "points to nothing in claims",
    ],
  ];
  it.each(damages)("a file with %s is refused", async (_, damage, problem) => {
    await filled();
    tamper(unprotect, damage, markUnclean);
    const message = await refusal();
    expect(message).toContain(problem);
    expect(message).toContain("restore it from a backup");
    expect(await refusal()).toBe(message);
  });

  it("a file with a damaged page is refused", async () => {
    await filled();
    const db = new DatabaseSync(file, { defensive: false });
    db.exec(markUnclean);
    db.exec("PRAGMA writable_schema = ON");
    db.exec("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'calls_of_run'");
    db.close();
    expect(await refusal()).toContain("FILE was damaged when its last writer stopped");
  });
});

it("refuses a file whose pages were overwritten", async () => {
  await filled();
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0xff, 4096));
  const damaged = "FILE is damaged\n  restore it from a backup";
  expect(await refusal()).toBe(damaged);
  expect(await refusal({ readOnly: true })).toBe(damaged);
});

describe("integrity", () => {
  it("finds rows that are not what the events fold to", async () => {
    await filled();
    tamper("UPDATE rows SET body = json_set(body, '$.dispatch', 7) WHERE kind = 'steps'");
    await using store = await openStore({ file, clock });
    expect(await store.integrity()).toEqual(["the rows of run r1 are not what its events fold to"]);
  });

  it("finds an edited event of a run that has ended", async () => {
    await filled();
    const writer = await openStore({ file, clock });
    await writer.append("r1", [{ type: "run.completed" }]);
    await writer.close();
    tamper(unprotect, "UPDATE events SET hash = 'x' WHERE seq = 2");
    await using store = await openStore({ file, clock });
    expect(await store.integrity()).toEqual([
      "event 2 of run r1: its content does not match its hash",
    ]);
  });
});

describe("the events table", () => {
  const forbidden: Array<[string, string]> = [
    ["UPDATE events SET body = '{}' WHERE seq = 1", "events are never changed"],
    ["DELETE FROM events", "events are never removed"],
    ["INSERT INTO events (run, seq, hash, body) VALUES ('r1', 6, '', '{}')", "without gaps"],
    ["REPLACE INTO events (run, seq, hash, body) VALUES ('r1', 1, '', '{}')", "without gaps"],
  ];
  it.each(forbidden)("refuses %s even from outside the store", async (statement, message) => {
    await filled();
    expect(() => tamper(statement)).toThrow(message);
  });
});

describe("a reader", () => {
  it("reads beside a living writer and sees what it commits, but cannot write", async () => {
    await using writer = await openStore({ file, clock });
    await writer.append("r1", [submitted()]);
    await using reader = await openStore({ file, clock, readOnly: true });
    expect((await reader.state("r1"))?.run.seq).toBe(1);
    await writer.append("r1", [note("a")]);
    expect((await reader.state("r1"))?.run.seq).toBe(2);
    expect(await reader.events("r1")).toEqual(await writer.events("r1"));
    expect(await reader.runs()).toEqual(await writer.runs());
    expect(await reader.integrity()).toEqual([]);
    await expect(reader.append("r1", [note("b")])).rejects.toThrow("read-only");
  });

  it("reads a closed store and leaves it clean", async () => {
    await filled();
    const reader = await openStore({ file, clock, readOnly: true });
    expect((await reader.runs()).map((s) => s.run.id)).toEqual(["r1"]);
    await reader.close();
    await using writer = await openStore({ file, clock });
    expect(writer.uncleanStop).toBe(false);
  });

  it("says what to do where there is no store, or none that was ever finished", async () => {
    expect(await refusal({ readOnly: true })).toBe(
      "there is no store at FILE\n  start a run with `headrace run`, or name another data directory with --data",
    );
    tamper("CREATE TABLE unfinished (x)");
    expect(await refusal({ readOnly: true })).toContain("has the format of an older headrace");
  });
});
