export { type ChainBreak, verifyChain } from "./chain.ts";
export type { SqliteCheckpointSaver } from "./checkpoint-saver.ts";
export { OlderStoreError, openStore, type StoreOptions } from "./open.ts";
export type { SqliteStore } from "./sqlite-store.ts";
export { createClock } from "./system-clock.ts";
