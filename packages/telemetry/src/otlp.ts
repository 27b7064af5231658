import {
  type Counter,
  type Histogram,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type IdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import { METRICS, type MetricKey } from "./names.ts";
import type { Point, SpanRecord } from "./signals.ts";

/**
 * A collector by its address before `/v1/traces` with what its requests carry, or the one that OpenTelemetry's own
 * variables describe to this process.
 */
export type Collector = { url: string; headers: Readonly<Record<string, string>> } | "environment";

export type SinkOptions = {
  to: Collector;
  service: { name: string; version: string; instance: string };
  /** how long a collector may take for one batch */
  timeoutMs: number;
  /** between two exports of the metrics */
  everyMs: number;
};

/** Where signals go. Nothing here waits or throws: what a collector does not take is dropped. */
export interface Sink {
  span(record: SpanRecord): void;
  point(point: Point): void;
  /** Sends what is left. */
  close(): Promise<void>;
}

/** Gives each span the ids that were chosen for it. */
class ChosenIds implements IdGenerator {
  trace = "";
  span = "";
  generateTraceId(): string {
    return this.trace;
  }
  generateSpanId(): string {
    return this.span;
  }
}

const tracesTo = (exporter: OTLPTraceExporter, resource: ReturnType<typeof resourceOf>) => {
  const ids = new ChosenIds();
  const provider = new TracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer("headrace");
  const record = (given: SpanRecord): void => {
    Object.assign(ids, { trace: given.trace, span: given.id });
    const parent = {
      ...{ traceId: given.trace, spanId: given.parent ?? "" },
      ...{ traceFlags: TraceFlags.SAMPLED, isRemote: true },
    };
    const context =
      given.parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const kind = given.kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const options = { kind, startTime: given.startMs, attributes: given.attributes };
    const span = tracer.startSpan(given.name, options, context);
    if (given.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(given.endMs);
  };
  return { provider, record };
};

const metricsTo = (
  reader: PeriodicExportingMetricReader,
  resource: ReturnType<typeof resourceOf>,
) => {
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter("headrace");
  const made = Object.entries(METRICS).map(([key, metric]): [string, Counter | Histogram] => {
    const { name, unit, description } = metric;
    const boundaries = "boundaries" in metric ? metric.boundaries : undefined;
    const advice = boundaries && { advice: { explicitBucketBoundaries: boundaries } };
    return [
      key,
      metric.kind === "histogram"
        ? meter.createHistogram(name, { unit, description, ...advice })
        : meter.createCounter(name, { unit, description }),
    ];
  });
  const instruments = Object.fromEntries(made) as Record<MetricKey, Counter | Histogram>;
  const record = ({ metric, value, attributes }: Point): void => {
    const instrument = instruments[metric];
    if ("record" in instrument) instrument.record(value, attributes);
    else instrument.add(value, attributes);
  };
  return { provider, record };
};

const resourceOf = ({ name, version, instance }: SinkOptions["service"]) =>
  resourceFromAttributes({
    "service.name": name,
    "service.version": version,
    "service.instance.id": instance,
  });

/** Exporters read the environment when they are made, and put what they find beside what they are given. */
const withoutVariables = <T>(make: () => T): T => {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_EXPORTER_OTLP"));
  for (const [name] of own) delete process.env[name];
  try {
    return make();
  } finally {
    Object.assign(process.env, Object.fromEntries(own));
  }
};

const exportersTo = (to: Collector, timeoutMillis: number) => {
  if (to === "environment") {
    const traces = new OTLPTraceExporter({ timeoutMillis });
    return { traces, metrics: new OTLPMetricExporter({ timeoutMillis }) };
  }
  const at = (path: string) => ({
    url: `${to.url.replace(/\/+$/, "")}/v1/${path}`,
    headers: { ...to.headers },
    timeoutMillis,
  });
  // address, headers and certificates belong together: those of the environment are for another collector
  return withoutVariables(() => ({
    traces: new OTLPTraceExporter(at("traces")),
    metrics: new OTLPMetricExporter(at("metrics")),
  }));
};

/** OTLP over HTTP, in JSON. */
export const createSink = ({ to, service, timeoutMs, everyMs }: SinkOptions): Sink => {
  const exporters = exportersTo(to, timeoutMs);
  const resource = resourceOf(service);
  const traces = tracesTo(exporters.traces, resource);
  const metrics = metricsTo(
    new PeriodicExportingMetricReader({
      exporter: exporters.metrics,
      exportIntervalMillis: everyMs,
      exportTimeoutMillis: timeoutMs,
    }),
    resource,
  );
  return {
    span: traces.record,
    point: metrics.record,
    async close() {
      await Promise.allSettled([traces.provider.shutdown(), metrics.provider.shutdown()]);
    },
  };
};
