export type { Asking } from "./asking.ts";
export { FAILURES } from "./failures.ts";
export { changedRows, type Health, NO_HEALTH, readHealth } from "./health.ts";
export { ASK_LIMITS } from "./limits.ts";
export { type Selection, select } from "./select.ts";
export {
  answered,
  began,
  type CallEnd,
  type Outgoing,
  reached,
  released,
  restored,
  sent,
} from "./transitions.ts";
