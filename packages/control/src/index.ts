export { type Control, createControl } from "./control.ts";
export { type ControlLimits, type ControlOptions, DEFAULT_LIMITS } from "./options.ts";
