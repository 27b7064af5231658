import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, openStore, type SqliteCheckpointSaver } from "@headrace/store";
import { deltaChannelHistoryTests, validate } from "@langchain/langgraph-checkpoint-validation";

const opened = new Map<SqliteCheckpointSaver, AsyncDisposable>();

const initializer = {
  checkpointerName: "SqliteCheckpointSaver",
  createCheckpointer: async () => {
    const dir = await mkdtemp(join(tmpdir(), "headrace-checkpoints-"));
    const store = await openStore({ file: join(dir, "headrace.db"), clock: createClock() });
    opened.set(store.checkpoints(), {
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await rm(dir, { recursive: true });
      },
    });
    return store.checkpoints();
  },
  destroyCheckpointer: async (saver: SqliteCheckpointSaver) => {
    await opened.get(saver)?.[Symbol.asyncDispose]();
    opened.delete(saver);
  },
};

validate(initializer);
deltaChannelHistoryTests(initializer);
