import { createHash, randomUUID } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deflateSync } from "node:zlib";
import type { Attestor } from "@headrace/attest";
import { canonicalJson, foldAll, ROW_KINDS, type StoredEvent } from "@headrace/domain";
import { git } from "./git.ts";

type Written = StoredEvent & Record<string, unknown>;

const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

/** What keeps anybody but a forger from changing what was written. */
const TRIGGERS = [
  ...["events_no_gap", "events_no_update", "events_no_delete"],
  ...["ledger_once", "ledger_no_update", "ledger_no_delete"],
];

/** Whoever can write in a copy of a data directory, and knows how a store and a repository are made. */
export class Forger implements Disposable {
  readonly db: DatabaseSync;
  readonly repo: string;
  readonly run: string;
  readonly #data: string;
  /** a receipt that stands for a second verification is signed once */
  readonly #resigned = new Map<string, string>();

  constructor(data: string) {
    this.#data = data;
    this.db = new DatabaseSync(join(data, "headrace.db"));
    this.db.exec("PRAGMA foreign_keys = OFF");
    for (const trigger of TRIGGERS) this.db.exec(`DROP TRIGGER ${trigger}`);
    const repos = join(data, "repos");
    this.repo = join(repos, readdirSync(repos).find((name) => name.endsWith(".git")) ?? "");
    this.run = String(this.db.prepare("SELECT run FROM runs").get()?.run);
  }

  get branch(): string {
    return `refs/heads/headrace/${this.run}/integration`;
  }

  get data(): string {
    return this.#data;
  }

  sql(text: string, ...values: (string | number | Uint8Array)[]): void {
    const { changes } = this.db.prepare(text).run(...values);
    if (changes === 0) throw new Error(`nothing was changed by ${text}`);
  }

  /** The log as it stands, to be changed and given to `rewrite`. */
  events(): Written[] {
    return this.db
      .prepare("SELECT body FROM events ORDER BY seq")
      .all()
      .map(({ body }) => JSON.parse(String(body)));
  }

  blob(id: string): Uint8Array {
    return this.db.prepare("SELECT bytes FROM blobs WHERE id = ?").get(id)?.bytes as Uint8Array;
  }

  putBlob(bytes: Uint8Array): string {
    const id = sha256(bytes);
    this.db.prepare("INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO NOTHING").run(id, bytes);
    return id;
  }

  /**
   * Writes the log anew with every hash, and every row that follows from it, as they would be if it had always been so.
   * With an attestor every signature is made anew, too: only who has a key can.
   */
  rewrite(events: readonly Written[], attestor?: Attestor): void {
    this.db.prepare("DELETE FROM events").run();
    let prev = "";
    const log = events.map((event, i) => {
      const resigned = attestor === undefined ? event : this.#signed(event, attestor, i, prev);
      const { hash: _, ...body } = { ...resigned, seq: i + 1, prev };
      const text = canonicalJson(body);
      prev = sha256(text);
      this.db
        .prepare("INSERT INTO events (run, seq, hash, body) VALUES (?, ?, ?, ?)")
        .run(this.run, i + 1, prev, text);
      return { ...body, hash: prev } as StoredEvent;
    });
    this.#refold(log, prev);
  }

  #refold(log: readonly StoredEvent[], head: string): void {
    const state = foldAll(log);
    if (state === undefined) throw new Error("a log has events");
    this.sql(
      "UPDATE runs SET seq = ?, hash = ?, body = ?",
      log.length,
      head,
      JSON.stringify(state.run),
    );
    this.db.prepare("DELETE FROM rows").run();
    for (const kind of ROW_KINDS)
      for (const [id, row] of Object.entries(state[kind]))
        this.sql(
          "INSERT INTO rows (run, kind, id, body) VALUES (?, ?, ?, ?)",
          this.run,
          kind,
          id,
          JSON.stringify(row),
        );
  }

  #signed(event: Written, attestor: Attestor, before: number, hash: string): Written {
    const log = { seq: before, hash };
    if (event.type === "log.signed")
      return { ...event, head: log, envelope: this.putBlob(attestor.log(this.run, log)) };
    if (event.type !== "receipt.recorded" || event.envelope === undefined) return event;
    const again = this.#resigned.get(event.envelope);
    if (again !== undefined) return { ...event, envelope: again };
    const { payload } = JSON.parse(new TextDecoder().decode(this.blob(event.envelope)));
    const { subject, predicate } = JSON.parse(Buffer.from(payload, "base64").toString());
    const { headrace } = predicate;
    const facts = { ...headrace, commit: subject[1].digest.gitCommit, receipt: event.receipt, log };
    const envelope = this.putBlob(attestor.receipt(facts));
    this.#resigned.set(event.envelope, envelope);
    return { ...event, envelope };
  }

  /** A commit like `commit` with something else in it. */
  commitLike(commit: string, change: (text: string) => string): string {
    const text = change(`${git(this.repo, "cat-file", "commit", commit)}\n`);
    const path = join(this.#data, `${randomUUID()}.commit`);
    writeFileSync(path, text);
    return git(this.repo, "hash-object", "-t", "commit", "-w", path);
  }

  /** Puts other content under the name of an object. */
  overwrite(object: string, type: string, text: string): void {
    const path = join(this.repo, "objects", object.slice(0, 2), object.slice(2));
    const content = Buffer.from(text);
    // it may be read-only
    rmSync(path);
    writeFileSync(
      path,
      deflateSync(Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])),
    );
  }

  [Symbol.dispose](): void {
    this.db.close();
  }
}
