import { type Clock, PRODUCT, type Store, VERSION } from "@headrace/domain";
import { openTelemetry } from "@headrace/telemetry";
import { z } from "zod";
import { address } from "../user-config-fields.ts";

/** `telemetry` of config.yaml: a collector that is told what the factory does. */
export const TelemetryFields = z.strictObject({
  otlp: address.refine(
    (url) => !/\/v1\/(?:traces|metrics)\/*$/.test(url),
    "expected the part of the address before /v1/traces",
  ),
  headers: z.record(z.string().max(200), z.string().max(4000)).default({}),
});
type Telemetry = z.output<typeof TelemetryFields>;

/** The collector of config.yaml, else the one that OpenTelemetry's own variable names, else none. */
export const collectorOf = (
  configured: Telemetry | undefined,
  { OTEL_EXPORTER_OTLP_ENDPOINT: url }: NodeJS.ProcessEnv,
): { url: string; headers: Record<string, string> } | undefined => {
  if (configured !== undefined) return { url: configured.otlp, headers: configured.headers };
  return url ? { url, headers: {} } : undefined;
};

/** What requests to a collector carry, and of `Bearer ...` the token alone: nothing written or printed may hold it. */
export const collectorSecrets = (
  configured: Telemetry | undefined,
  { OTEL_EXPORTER_OTLP_HEADERS: inherited = "" }: NodeJS.ProcessEnv,
): string[] => {
  const pairs = inherited.split(",").map((pair) => pair.slice(pair.indexOf("=") + 1).trim());
  const values = [...Object.values(configured?.headers ?? {}), ...pairs];
  return values.filter(Boolean).flatMap((value) => [value, value.replace(/^\w+(?: |%20)/, "")]);
};

/** Nothing where no collector is named: telemetry is off by default. */
export const tellCollector = async (
  from: {
    telemetry: Telemetry | undefined;
    env: NodeJS.ProcessEnv;
    store: Store;
    clock: Clock;
    instance: string;
    log(line: string): void;
  },
  closing: AsyncDisposableStack,
): Promise<void> => {
  const { telemetry, env, store, clock, instance, log } = from;
  const to = collectorOf(telemetry, env);
  if (to === undefined) return;
  const service = { name: PRODUCT, version: VERSION, instance };
  closing.use(await openTelemetry({ store, clock, to, service, log }));
};
