import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Value = { stringValue?: string; intValue?: number; doubleValue?: number; boolValue?: boolean };
export type Attribute = { key: string; value: Value };
export type Sent = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status: { code?: number };
};
type Metric = {
  name: string;
  unit: string;
  histogram?: { dataPoints: { count: number; sum: number; attributes: Attribute[] }[] };
  sum?: { dataPoints: { asDouble?: number; asInt?: number; attributes: Attribute[] }[] };
};

/** A collector that takes OTLP over HTTP in JSON, on loopback. */
export const collector = async () => {
  const requests: { path: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ path: request.url ?? "", headers: request.headers, body });
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bodies = (path: string) =>
    requests.filter((request) => request.path === path).map(({ body }) => JSON.parse(body));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: (): Sent[] =>
      bodies("/v1/traces").flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap((r: { scopeSpans: { spans: Sent[] }[] }) =>
          r.scopeSpans.flatMap(({ spans }) => spans),
        ),
      ),
    metrics: (): Metric[] =>
      bodies("/v1/metrics").flatMap(({ resourceMetrics }) =>
        resourceMetrics.flatMap((r: { scopeMetrics: { metrics: Metric[] }[] }) =>
          r.scopeMetrics.flatMap(({ metrics }) => metrics),
        ),
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
