export { askHealth, createClient } from "./client.ts";
export type { FactoryAddress } from "./connection.ts";
export { type ConsoleOptions, createConsole } from "./console.ts";
export { type Listening, listen } from "./listen.ts";
export type { Health } from "./wire.ts";
