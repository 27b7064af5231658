import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type AuditReport, auditRun, exportRun, importRun, type StoredRun } from "@headrace/attest";
import {
  accountsOf,
  type ClassedCall,
  canonicalJson,
  classedSums,
  type NewEvent,
} from "@headrace/domain";
import { openStore } from "@headrace/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  COMMIT,
  call,
  called,
  claimed,
  ManualClock,
  START,
  submitted,
} from "./suites/store-fixtures.ts";

const clock = new ManualClock();
let dir: string;
let file: string;

const open = () => openStore({ file, clock });

/** A run that has landed nothing: its branch stands at its base. */
const git = {
  readRef: async () => COMMIT,
  commit: async () => undefined,
  problems: async () => [],
};

const ESTIMATED = { estimated: true } as Partial<NewEvent>;

const CLASSED: ClassedCall[] = [
  {
    call: "c1",
    parts: [
      { as: "overhead", kind: "planning", amount: 30 },
      { as: "waste", kind: "cache_miss", amount: 10 },
    ],
  },
  { call: "c3", parts: [{ as: "waste", kind: "rejected", amount: 40 }] },
];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-audit-ledger-"));
  file = join(dir, "headrace.db");
  await using store = await open();
  const blob = await store.putBlob(new Uint8Array([1]));
  const asked = submitted();
  await store.append("r1", [{ ...asked, spec: blob, guidance: blob } as typeof asked]);
  const fence = await claimed(store, "r1", "s1");
  const accounts = accountsOf({ run: "r1" }, { run: 1000 }, new Date(START));
  for (const id of ["c1", "c2", "c3", "c4", "c5"])
    await store.reserve(fence, call(id, 100), { accounts });
  const settle = (id: string, cost: number) =>
    store.settle(fence, { id, state: "settled", cost }, { events: [called("s1", id, cost)] });
  await settle("c1", 40);
  // more than it held
  await settle("c2", 130);
  await store.settle(
    fence,
    { id: "c3", state: "estimated", cost: 100 },
    { events: [{ ...called("s1", "c3", 100), ...ESTIMATED } as NewEvent] },
  );
  await store.adjust("r1", "c3", { cost: 40 }, "the provider's list says so");
  await store.settle(fence, { id: "c4", state: "released", cost: 0 }, {});
  await store.classify("r1", CLASSED, [{ type: "spend.classed", ...classedSums(CLASSED) }]);
});

afterEach(() => rm(dir, { recursive: true }));

const options = async () => {
  const store = await openStore({ file, clock, readOnly: true });
  const stored: StoredRun = await store.raw("r1");
  const blobs = new Map([[JSON.parse(stored.events[0]?.body ?? "").spec, new Uint8Array([1])]]);
  await store.close();
  return { run: "r1", stored, blob: async (id: string) => blobs.get(id), git, key: undefined };
};

const audit = async (): Promise<AuditReport> => auditRun(await options());

const tamper = (statement: string): void => {
  const db = new DatabaseSync(file);
  db.exec("DROP TRIGGER ledger_no_update; DROP TRIGGER ledger_no_delete; DROP TRIGGER ledger_once");
  db.exec("PRAGMA ignore_check_constraints = ON");
  db.exec(statement);
  db.close();
};

describe("an audit of the ledger", () => {
  it("adds up every entry, call and account of a run, and says how many", async () => {
    const { violation, checked } = await audit();
    expect(violation).toBeUndefined();
    const counts = Object.fromEntries(checked.map(({ what, count }) => [what, count]));
    expect(counts).toMatchObject({
      "calls cost what the log says": 5,
      // five reservations, four ends, one correction, three parts
      "entries of the ledger add up to its calls": 13,
      "calls became what the log says": 2,
      "accounts are what their calls add up to": 1,
    });
  });

  const edits: Array<[string, string, RegExp]> = [
    [
      "a settlement made cheaper",
      "UPDATE ledger SET amount = 39 WHERE call = 'c1' AND kind = 'settle'",
      /^call c1 of step s1: its entries add up to another cost/,
    ],
    [
      "a settlement made cheaper wherever the ledger has it",
      `UPDATE ledger SET amount = 39 WHERE call = 'c1' AND kind = 'settle';
       UPDATE calls SET cost = 39 WHERE id = 'c1';
       UPDATE accounts SET settled = settled - 1`,
      /^call c1 of step s1: the ledger is not what the log says/,
    ],
    [
      "a provider's lie forgotten",
      `UPDATE ledger SET excess = 0; UPDATE calls SET excess = 0; UPDATE accounts SET excess = 0`,
      /^call c2 of step s1: the ledger is not what the log says/,
    ],
    [
      "a hold made smaller than what it cost",
      `UPDATE ledger SET amount = 90 WHERE call = 'c2' AND kind = 'reserve';
       UPDATE calls SET amount = 90 WHERE id = 'c2'`,
      /^call c2 of step s1: it cost more than was reserved/,
    ],
    [
      "an entry removed",
      "DELETE FROM ledger WHERE call = 'c3' AND kind = 'adjust'",
      /^call c3 of step s1: it is settled, and by its entries estimated/,
    ],
    [
      "an entry added",
      `INSERT INTO ledger (run, call, kind, amount, what, at)
       VALUES ('r1', 'c2', 'waste', 100, 'runaway', '')`,
      /^call c2: is classed, and the log does not tell of it/,
    ],
    [
      "a second end",
      "INSERT INTO ledger (run, call, kind, amount, at) VALUES ('r1', 'c1', 'release', 0, '')",
      /^call c1 of step s1: it was settled more than once/,
    ],
    [
      "waste that is said to have been another call's",
      `UPDATE ledger SET call = iif(call = 'c1', 'c3', 'c1'), amount = 40, what = 'rejected'
       WHERE kind IN ('overhead', 'waste') AND what <> 'cache_miss';
       DELETE FROM ledger WHERE what = 'cache_miss'`,
      /^event \d+ of run r1: the ledger classes its calls otherwise/,
    ],
    [
      "overhead that is said to be waste",
      "UPDATE ledger SET kind = 'waste', what = 'abandoned' WHERE kind = 'overhead'",
      /^event \d+ of run r1: the ledger classes its calls otherwise/,
    ],
    [
      "a call removed with its entries",
      `PRAGMA foreign_keys = OFF;
       DELETE FROM ledger WHERE call = 'c2'; DELETE FROM calls WHERE id = 'c2'`,
      /^call c2 of step s1: is missing from the ledger/,
    ],
    [
      "an entry of a call that is not there",
      `PRAGMA foreign_keys = OFF;
       INSERT INTO ledger (run, call, kind, amount, at) VALUES ('r1', 'c9', 'reserve', 0, '')`,
      /^call c9 of step : has entries and no state/,
    ],
    [
      "an account that has spent less",
      "UPDATE accounts SET settled = settled - 40 WHERE path = 'run/r1'",
      /^account run\/r1: is not what its calls add up to/,
    ],
    [
      "an account removed",
      "DELETE FROM accounts WHERE path = 'run/r1'",
      /^account run\/r1: is missing/,
    ],
    [
      "an open call that is said to be released",
      `UPDATE calls SET state = 'released', settled_at = at WHERE id = 'c5'`,
      /^call c5 of step s1: it is released, and by its entries open/,
    ],
  ];
  it.each(edits)("finds %s", async (_, edit, named) => {
    tamper(edit);
    const { ok, violation } = await audit();
    expect(ok).toBe(false);
    expect(`${violation?.object}: ${violation?.reason}`).toMatch(named);
  });
});

describe("an archive", () => {
  const exported = async () =>
    exportRun({
      ...(await options()),
      bundle: async () => ({ bundle: new Uint8Array(), shallow: [] }),
    });
  const audited = async (files: Map<string, Uint8Array>) => auditRun({ ...importRun(files), git });
  const lines = (bytes: Uint8Array | undefined) =>
    new TextDecoder().decode(bytes).trim().split("\n");

  it("has every entry of the ledger, and can be audited without the store", async () => {
    const files = new Map(await exported());
    expect(lines(files.get("ledger.ndjson"))).toHaveLength(13);
    expect(lines(files.get("calls.ndjson"))).toHaveLength(5);
    const { violation, checked } = await audited(files);
    expect(violation).toBeUndefined();
    expect(checked.map(({ what }) => what)).toContain("calls became what the log says");
  });

  it("shows an entry that was edited in it", async () => {
    const files = new Map(await exported());
    const edited = lines(files.get("ledger.ndjson")).map((line) =>
      line.replace('"amount":40,"at"', '"amount":39,"at"'),
    );
    files.set("ledger.ndjson", new TextEncoder().encode(edited.join("\n")));
    expect((await audited(files)).violation?.object).toBe("call c1 of step s1");
  });
});

/** The events as a log of run `old`, each with the hash of the one before. */
const chained = (...events: NewEvent[]) => {
  let prev = "";
  return events.map((event, i) => {
    const at = new Date(START).toISOString();
    const body = JSON.parse(canonicalJson({ ...event, run: "old", seq: i + 1, at, prev }));
    prev = createHash("sha256").update(canonicalJson(body)).digest("hex");
    return { ...body, hash: prev };
  });
};

it("reads an archive of an older version, whose calls are in nano-dollars and whose entries it has not", async () => {
  const spec = new Uint8Array([1]);
  const blob = createHash("sha256").update(spec).digest("hex");
  const asked = { ...submitted(5), spec: blob, guidance: blob, amounts: undefined } as NewEvent;
  const events = chained(asked, called("s1", "c1", 7));
  const old = { id: "c1", step: "s1", role: "coder", model: "some-model", state: "settled" };
  // as that version wrote it: no word of what amounts are in, and the calls where entries are now
  const archive = (cost: number) =>
    importRun(
      new Map([
        ["run.json", text([{ run: "old", head: events.at(-1), shallow: [] }])],
        ["events.ndjson", text(events)],
        ["ledger.ndjson", text([{ ...old, cost }])],
        ["spec.md", spec],
      ]),
    );
  const { violation, notes } = await auditRun({ ...archive(7), git });
  expect(violation).toBeUndefined();
  expect(notes.join()).toContain("an archive of an older version holds no entries");
  const edited = await auditRun({ ...archive(8), git });
  expect(edited.violation?.object).toBe("call c1 of step s1");
});

const text = (rows: readonly unknown[]) =>
  new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
