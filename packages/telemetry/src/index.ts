export type { Collector } from "./otlp.ts";
export { openTelemetry, type TelemetryOptions } from "./telemetry.ts";
