import { type Clock, PRODUCT, type Store, VERSION } from "@headrace/domain";
import { type Collector, openTelemetry } from "@headrace/telemetry";
import { z } from "zod";
import { address } from "../user-config-fields.ts";
import type { Provider } from "../user-config-providers.ts";

/** `telemetry` of config.yaml: a collector that is told what the factory does. */
export const TelemetryFields = z.strictObject({
  otlp: address.refine(
    (url) => !/\/v1\/(?:traces|metrics)\/*$/.test(url),
    "expected the part of the address before /v1/traces",
  ),
  headers: z.record(z.string().max(200), z.string().max(4000)).default({}),
});
type Telemetry = z.output<typeof TelemetryFields>;

const ADDRESS = "OTEL_EXPORTER_OTLP_ENDPOINT";

/**
 * The collector of config.yaml, else the one that OpenTelemetry's own variables describe, else none. Neither gets what is
 * meant for the other.
 */
export const collectorOf = (
  configured: Telemetry | undefined,
  { [ADDRESS]: url }: NodeJS.ProcessEnv,
): Collector | undefined => {
  if (configured !== undefined) return { url: configured.otlp, headers: configured.headers };
  return url ? "environment" : undefined;
};

/** Where what a factory does is told to, and what says so; nothing where telemetry is off. No password is in it. */
export const aboutCollector = (
  configured: Telemetry | undefined,
  { [ADDRESS]: inherited = "" }: NodeJS.ProcessEnv,
): string | undefined => {
  if (configured === undefined && inherited === "") return undefined;
  const from = configured === undefined ? ADDRESS : "telemetry of config.yaml";
  const url = URL.parse(configured?.otlp ?? inherited);
  return url === null
    ? `to what ${from} names, which is no address`
    : `to ${url.origin}${url.pathname.replace(/\/+$/, "")} (${from})`;
};

const CARRIED = ["", "TRACES_", "METRICS_"].map((of) => `OTEL_EXPORTER_OTLP_${of}HEADERS`);

/** What requests to a collector carry, and of `Bearer ...` the token alone: nothing written or printed may hold it. */
export const collectorSecrets = (
  configured: Telemetry | undefined,
  env: NodeJS.ProcessEnv,
): string[] => {
  const pairs = CARRIED.flatMap((name) => env[name]?.split(",") ?? []);
  const inherited = pairs.map((pair) => pair.slice(pair.indexOf("=") + 1).trim());
  const values = [...Object.values(configured?.headers ?? {}), ...inherited];
  return values.filter(Boolean).flatMap((value) => [value, value.replace(/^\w+(?: |%20)/, "")]);
};

/** The conventions have a name for Anthropic; an id of the person's own says no more of the others than their kind. */
export const providerNames = (
  providers: ReadonlyMap<string, Pick<Provider, "kind">>,
): Map<string, string> =>
  new Map([...providers].flatMap(([id, { kind }]) => (kind === "anthropic" ? [[id, kind]] : [])));

/** Nothing where no collector is named: telemetry is off by default. */
export const tellCollector = async (
  from: {
    telemetry: Telemetry | undefined;
    providers: ReadonlyMap<string, Pick<Provider, "kind">>;
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
  const providers = providerNames(from.providers);
  closing.use(await openTelemetry({ store, clock, to, providers, service, log }));
};
