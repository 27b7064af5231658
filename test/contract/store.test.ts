import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@headrace/store";
import { storeSuite } from "./suites/store-suite.ts";

storeSuite("SqliteStore", async (clock) => {
  const dir = await mkdtemp(join(tmpdir(), "headrace-store-"));
  const store = await openStore({ file: join(dir, "headrace.db"), clock });
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(dir, { recursive: true });
    },
  };
});
