import { isDeepStrictEqual } from "node:util";
import type { RunnableConfig } from "@langchain/core/runnables";
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  copyCheckpoint,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  type SerializerProtocol,
  TASKS,
  WRITES_IDX_MAP,
} from "@langchain/langgraph-checkpoint";
import { plainJson } from "./plain-json-serde.ts";
import type { Sql } from "./sql.ts";

type Key = { thread: string; ns: string; id: string };
type CheckpointRow = Key & {
  parent: string | null;
  held: string;
  type: string;
  checkpoint: Uint8Array;
  metadata_type: string;
  metadata: Uint8Array;
};
type WriteRow = { task: string; channel: string; type: string; value: Uint8Array };
type ValueRow = { channel: string; type: string; value: Uint8Array };

const CHECKPOINT_TABLES = ["checkpoint_writes", "checkpoint_values", "checkpoints"] as const;
/** before version 4 a checkpoint left its parent's pending sends in the parent's writes */
const FIRST_WITH_TASKS_CHANNEL = 4;

const configOf = ({ thread, ns, id }: Key): RunnableConfig => ({
  configurable: { thread_id: thread, checkpoint_ns: ns, checkpoint_id: id },
});

const threadOf = (config: RunnableConfig): string => {
  const thread: unknown = config.configurable?.thread_id;
  if (typeof thread !== "string" || thread === "")
    throw new Error("a checkpoint needs configurable.thread_id, a string");
  return thread;
};

const nsOf = (config: RunnableConfig): string => config.configurable?.checkpoint_ns ?? "";

/**
 * LangGraph's checkpoints in the store's file, in its transactions. A channel's value is stored by the checkpoint
 * that changed it; later ones on the same branch point to it, so forks cannot mix values of equal version.
 */
export class SqliteCheckpointSaver extends BaseCheckpointSaver {
  readonly #sql: Sql;

  constructor(sql: Sql, serde: SerializerProtocol = plainJson) {
    super(serde);
    this.#sql = sql;
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const thread: unknown = config.configurable?.thread_id;
    if (typeof thread !== "string") return undefined;
    const id = getCheckpointId(config);
    const row = this.#sql.get<CheckpointRow>(
      `SELECT * FROM checkpoints WHERE thread = ? AND ns = ? AND (id = ? OR ? = '')
       ORDER BY id DESC LIMIT 1`,
      thread,
      nsOf(config),
      id,
      id,
    );
    return row && this.#tuple(row);
  }

  override async *list(
    config: RunnableConfig,
    { limit, before, filter = {} }: CheckpointListOptions = {},
  ): AsyncGenerator<CheckpointTuple> {
    const {
      thread_id = null,
      checkpoint_ns = null,
      checkpoint_id = null,
    } = config.configurable ?? {};
    const rows = this.#sql.all<CheckpointRow>(
      `SELECT * FROM checkpoints
       WHERE thread = coalesce(?, thread) AND ns = coalesce(?, ns) AND id = coalesce(?, id)
         AND (? IS NULL OR id < ?)
       ORDER BY id DESC`,
      thread_id,
      checkpoint_ns,
      checkpoint_id,
      before?.configurable?.checkpoint_id ?? null,
      before?.configurable?.checkpoint_id ?? null,
    );
    let left = limit ?? Number.POSITIVE_INFINITY;
    for (const row of rows) {
      if (left <= 0) return;
      const metadata = await this.serde.loadsTyped(row.metadata_type, row.metadata);
      const wanted = Object.entries(filter);
      if (!wanted.every(([key, value]) => isDeepStrictEqual(metadata[key], value))) continue;
      left -= 1;
      yield await this.#tuple(row);
    }
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const key = { thread: threadOf(config), ns: nsOf(config), id: checkpoint.id };
    const parent = getCheckpointId(config) || null;
    const { channel_values, ...frame } = copyCheckpoint(checkpoint);
    const changed = Object.entries(channel_values).filter(([c]) => Object.hasOwn(newVersions, c));
    const [values, body, meta] = await Promise.all([
      Promise.all(
        changed.map(async ([channel, value]) => ({
          channel,
          dump: await this.serde.dumpsTyped(value),
        })),
      ),
      this.serde.dumpsTyped(frame),
      this.serde.dumpsTyped(metadata),
    ]);
    this.#sql.write(() => {
      const held = this.#held(key, parent, checkpoint, newVersions, changed);
      this.#sql.run(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        key.thread,
        key.ns,
        key.id,
        parent,
        JSON.stringify(held),
        ...body,
        ...meta,
      );
      for (const { channel, dump } of values)
        this.#sql.run(
          "INSERT OR REPLACE INTO checkpoint_values VALUES (?, ?, ?, ?, ?, ?)",
          key.thread,
          key.ns,
          key.id,
          channel,
          ...dump,
        );
    });
    return configOf(key);
  }

  override async putWrites(
    config: RunnableConfig,
    writes: PendingWrite[],
    taskId: string,
  ): Promise<void> {
    const thread = threadOf(config);
    const id = getCheckpointId(config);
    if (id === "") throw new Error("pending writes need configurable.checkpoint_id");
    const dumps = await Promise.all(writes.map(([, value]) => this.serde.dumpsTyped(value)));
    this.#sql.write(() => {
      for (const [i, [channel]] of writes.entries()) {
        const special = Object.hasOwn(WRITES_IDX_MAP, channel)
          ? WRITES_IDX_MAP[channel]
          : undefined;
        // a task's own writes are kept as first made; its error, interrupt or resume is the newest
        this.#sql.run(
          `INSERT OR ${special === undefined ? "IGNORE" : "REPLACE"} INTO checkpoint_writes
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          thread,
          nsOf(config),
          id,
          taskId,
          special ?? i,
          channel,
          ...(dumps[i] ?? ["undefined", new Uint8Array()]),
        );
      }
    });
  }

  override async deleteThread(threadId: string): Promise<void> {
    this.#sql.write(() => {
      for (const table of CHECKPOINT_TABLES)
        this.#sql.run(`DELETE FROM ${table} WHERE thread = ?`, threadId);
    });
  }

  /** Forgets where every graph stands; the graphs find it again from the rows. */
  async deleteAllCheckpoints(): Promise<void> {
    this.#sql.write(() => {
      for (const table of CHECKPOINT_TABLES) this.#sql.run(`DELETE FROM ${table}`);
    });
  }

  /** Which checkpoint wrote the value of each channel: this one where it changed, else the parent's answer. */
  #held(
    key: Key,
    parent: string | null,
    checkpoint: Checkpoint,
    newVersions: ChannelVersions,
    changed: readonly [string, unknown][],
  ): Record<string, string> {
    const row = this.#sql.get<{ held: string }>(
      "SELECT held FROM checkpoints WHERE thread = ? AND ns = ? AND id = ?",
      key.thread,
      key.ns,
      parent,
    );
    const inherited = Object.entries<string>(JSON.parse(row?.held ?? "{}")).filter(
      ([channel]) =>
        Object.hasOwn(checkpoint.channel_versions, channel) && !Object.hasOwn(newVersions, channel),
    );
    return Object.fromEntries([...inherited, ...changed.map(([channel]) => [channel, key.id])]);
  }

  async #tuple(row: CheckpointRow): Promise<CheckpointTuple> {
    // read at once, before anything is awaited
    const values = this.#sql.all<ValueRow>(
      `SELECT v.channel, v.type, v.value FROM json_each(?) h
       JOIN checkpoint_values v ON v.id = h.value AND v.channel = h.key
       WHERE v.thread = ? AND v.ns = ?`,
      row.held,
      row.thread,
      row.ns,
    );
    const writes = this.#writesTo(row);
    const sends =
      row.parent === null
        ? []
        : this.#writesTo({ ...row, id: row.parent }).filter((write) => write.channel === TASKS);
    const [frame, metadata, loaded, pendingWrites] = await Promise.all([
      this.serde.loadsTyped(row.type, row.checkpoint),
      this.serde.loadsTyped(row.metadata_type, row.metadata),
      Promise.all(values.map((value) => this.#load(value))),
      Promise.all(
        writes.map(
          async (w): Promise<CheckpointPendingWrite> => [w.task, w.channel, await this.#load(w)],
        ),
      ),
    ]);
    const channelValues = values.map(({ channel }, i) => [channel, loaded[i]] as const);
    const checkpoint: Checkpoint = { ...frame, channel_values: Object.fromEntries(channelValues) };
    if (row.parent !== null && checkpoint.v < FIRST_WITH_TASKS_CHANNEL)
      await this.#migrateSends(checkpoint, sends);
    return {
      config: configOf(row),
      checkpoint,
      metadata,
      pendingWrites,
      ...(row.parent === null ? {} : { parentConfig: configOf({ ...row, id: row.parent }) }),
    };
  }

  async #migrateSends(checkpoint: Checkpoint, sends: readonly WriteRow[]): Promise<void> {
    const versions = Object.values(checkpoint.channel_versions);
    checkpoint.channel_values[TASKS] = await Promise.all(sends.map((send) => this.#load(send)));
    checkpoint.channel_versions[TASKS] =
      versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined);
  }

  #writesTo({ thread, ns, id }: Key): WriteRow[] {
    return this.#sql.all<WriteRow>(
      `SELECT task, channel, type, value FROM checkpoint_writes
       WHERE thread = ? AND ns = ? AND id = ? ORDER BY task, idx`,
      thread,
      ns,
      id,
    );
  }

  #load({ type, value }: { type: string; value: Uint8Array }): Promise<unknown> {
    return this.serde.loadsTyped(type, value);
  }
}
