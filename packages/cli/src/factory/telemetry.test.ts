import { expect, it } from "vitest";
import {
  aboutCollector,
  collectorOf,
  collectorSecrets,
  providerNames,
  TelemetryFields,
} from "./telemetry.ts";

it("tells a collector only where one is named, by config.yaml before OpenTelemetry's own variable", () => {
  const configured = TelemetryFields.parse({ otlp: "http://127.0.0.1:4318" });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
  expect(collectorOf(undefined, {})).toBeUndefined();
  expect(collectorOf(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBeUndefined();
  expect(collectorOf(undefined, env)).toBe("environment");
  expect(collectorOf(configured, env)).toEqual({ url: "http://127.0.0.1:4318", headers: {} });
});

it("tells where it goes and by whose word, and no password", () => {
  const configured = TelemetryFields.parse({ otlp: "http://127.0.0.1:4318/" });
  const about = (url: string) => aboutCollector(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: url });
  expect(aboutCollector(undefined, {})).toBeUndefined();
  expect(aboutCollector(configured, {})).toBe(
    "to http://127.0.0.1:4318 (telemetry of config.yaml)",
  );
  expect(about("https://user:pass@host:4318/otlp?key=k")).toBe(
    "to https://host:4318/otlp (OTEL_EXPORTER_OTLP_ENDPOINT)",
  );
  expect(about("host")).toBe("to what OTEL_EXPORTER_OTLP_ENDPOINT names, which is no address");
});

it("calls a provider by the conventions' name where they have one, whatever it is called here", () => {
  const providers = new Map([
    ["direct", { kind: "anthropic" as const }],
    ["spare", { kind: "openrouter" as const }],
  ]);
  expect(providerNames(providers)).toEqual(new Map([["direct", "anthropic"]]));
});

it("takes the address of a collector, not that of one of its paths", () => {
  const refused = ["http://127.0.0.1:4318/v1/traces", "127.0.0.1:4318", "http://u:p@host:4318"];
  for (const otlp of refused) expect(TelemetryFields.safeParse({ otlp }).success, otlp).toBe(false);
});

it("keeps secret what a collector is sent as headers, from either place", () => {
  const headers = { authorization: "Bearer token-of-config" };
  const telemetry = TelemetryFields.parse({ otlp: "http://127.0.0.1:4318", headers });
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=token-of-env,authorization=Basic%20abcdefgh",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=token-of-traces",
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: "x-key=token-of-metrics",
  };
  const inherited = ["token-of-env", "abcdefgh", "token-of-traces", "token-of-metrics"];
  expect(collectorSecrets(telemetry, env)).toEqual(
    expect.arrayContaining(["token-of-config", ...inherited]),
  );
  expect(collectorSecrets(undefined, {})).toEqual([]);
});
