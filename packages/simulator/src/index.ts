export type { SeenRequest } from "./call.ts";
export { SIMULATED_MODELS } from "./catalogue.ts";
export { parseScript, type Script } from "./script-file.ts";
export {
  type Simulator,
  type SimulatorMode,
  type SimulatorOptions,
  startSimulator,
} from "./server.ts";
