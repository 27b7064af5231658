export { openTelemetry, type TelemetryOptions } from "./telemetry.ts";
