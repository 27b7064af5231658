import { createHash } from "node:crypto";
import type { Sql } from "./sql.ts";

/** Bytes under their SHA-256. */
export class Blobs {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  put(bytes: Uint8Array): string {
    const id = createHash("sha256").update(bytes).digest("hex");
    this.#sql.run("INSERT INTO blobs (id, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", id, bytes);
    return id;
  }

  get(id: string): Uint8Array | undefined {
    return this.#sql.get<{ bytes: Uint8Array }>("SELECT bytes FROM blobs WHERE id = ?", id)?.bytes;
  }
}
