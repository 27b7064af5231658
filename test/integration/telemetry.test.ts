import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fromUsd, type NewEvent, NO_USAGE, type RunState } from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import { openTelemetry, type TelemetryOptions } from "@headrace/telemetry";
import { afterEach, expect, test, vi } from "vitest";
import { type Attribute, collector, type Sent } from "../support/collector.ts";
import { tempDir } from "../support/git.ts";
import { sampleSubmission } from "../support/sample-submission.ts";

const SECRET = "words of a prompt that nobody else is to read";
const commit = "a".repeat(40);

/** A run of one task: a call of its coder that came out, one that did not, a tool, a landing. */
const runEvents = (): NewEvent[] => {
  const { submission } = sampleSubmission();
  const { policy, requirements, constraints, base, repo, model } = submission;
  const step = "r1-parse-code-1";
  const task = {
    ...{ id: "parse", title: SECRET, description: SECRET, acceptance: [SECRET] },
    ...{ requirements: [], blockedBy: [], paths: [], permits: [] },
  };
  const plan = { requirements: [], setup: [], gates: [], notDoing: [], summary: SECRET };
  const about = { task: "parse", attempt: 1 };
  const thread = { kind: "task", id: "parse" } as const;
  const call = { step, role: "coder", provider: "direct", model: "claude-sonnet-5" } as const;
  return [
    {
      ...{ type: "run.submitted", title: SECRET, spec: "e".repeat(64), requirements, constraints },
      ...{ base, repo, policy, guidance: "d".repeat(64), budget: fromUsd(20), model },
      ...{ routes: {}, amounts: "pico" },
    },
    { type: "plan.proposed", plan: { ...plan, version: 1, tasks: [task] }, round: 1 },
    {
      ...{ type: "plan.accepted", version: 1, requirements, policy },
      policyHash: "f".repeat(64),
    },
    { type: "task.ready", task: "parse" },
    {
      ...{ type: "step.requested", step, subject: "parse", thread, ...about },
      input: {
        ...{ kind: "agent", role: "coder", commit, attempt: 1, conversation: 1 },
        brief: { task: SECRET },
      },
    },
    { type: "model.failed", ...call, ...about, class: "rate", reason: SECRET, durationMs: 1_500 },
    {
      ...{ type: "model.called", ...call, ...about, call: "c1", cost: fromUsd(0.25) },
      usage: { ...NO_USAGE, input: 10, cacheRead: 200, cacheWrite5m: 30, output: 40 },
      ...{ estimated: false, durationMs: 2500 },
    },
    {
      ...{ type: "tool.ran", step, role: "coder", tool: "bash", ok: false, durationMs: 70 },
      ...{ detail: SECRET, ...about },
    },
    {
      ...{ type: "step.finished", step, ...about },
      result: {
        kind: "agent",
        result: { end: "submitted", output: { summary: SECRET }, model: "m", turns: 1 },
      },
    },
    { type: "merge.landed", commit, change: commit, receipt: "rc-1", branch: "b", ...about },
    { type: "run.completed" },
  ];
};

const storeIn = async (closing: AsyncDisposableStack) => {
  const dir = closing.use(await tempDir("headrace-telemetry-"));
  const store = await openStore({ file: join(dir.path, "store.db"), clock: createClock() });
  closing.defer(() => store.close());
  return store;
};

afterEach(() => vi.unstubAllEnvs());

const service = { name: "headrace", version: "1.2.3", instance: "i1" };

/** Plays the run into a store that telemetry listens to, and closes it. */
const told = async (
  where: string | { collector: TelemetryOptions["to"] },
  commits = runEvents().map((event) => [event]),
): Promise<{ logged: string[]; state: RunState | undefined }> => {
  await using closing = new AsyncDisposableStack();
  const store = await storeIn(closing);
  const providers = new Map([["direct", "anthropic"]]);
  const logged: string[] = [];
  const to =
    typeof where === "string" ? { url: where, headers: { "x-tenant": "t1" } } : where.collector;
  const log = (line: string) => void logged.push(line);
  const clock = createClock();
  const telemetry = await openTelemetry({
    ...{ store, clock, to, providers, service, timeoutMs: 1_000, log },
  });
  for (const events of commits) await store.append("r1", events);
  await telemetry[Symbol.asyncDispose]();
  return { logged, state: await store.state("r1") };
};

const valueAt = ({ attributes }: { attributes: Attribute[] }, key: string) => {
  const value = attributes.find((attribute) => attribute.key === key)?.value;
  return value?.stringValue ?? value?.doubleValue ?? value?.intValue ?? value?.boolValue;
};

const lengthOf = (span: Sent | undefined): bigint =>
  BigInt(span?.endTimeUnixNano ?? 0) - BigInt(span?.startTimeUnixNano ?? 0);

test("a collector is told each call, tool, job, task and run as a span under the one it is part of", async () => {
  await using receiver = await collector();
  expect((await told(receiver.url)).logged).toEqual([]);
  const spans = receiver.spans();
  const named = (name: string) => {
    const found = spans.filter((span) => span.name === name);
    expect(found, name).toHaveLength(name === "chat claude-sonnet-5" ? 2 : 1);
    return found;
  };
  const [run] = named("headrace.run");
  const [task] = named("headrace.task");
  const [agent] = named("invoke_agent coder");
  const [tool] = named("execute_tool bash");
  const chats = named("chat claude-sonnet-5");
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(run?.parentSpanId ?? "").toBe("");
  expect(task?.parentSpanId).toBe(run?.spanId);
  expect(agent?.parentSpanId).toBe(task?.spanId);
  for (const span of [tool, ...chats]) expect(span?.parentSpanId).toBe(agent?.spanId);

  const [limited, chat] = chats.sort((a) => (valueAt(a, "error.type") === undefined ? 1 : -1));
  expect(limited && valueAt(limited, "error.type")).toBe("rate");
  expect([limited, chat].map(lengthOf)).toEqual([1_500_000_000n, 2_500_000_000n]);
  const seen = Object.fromEntries(
    (chat?.attributes ?? []).map(({ key }) => [key, chat && valueAt(chat, key)]),
  );
  expect(seen).toEqual({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-5",
    "gen_ai.agent.name": "coder",
    "gen_ai.conversation.id": "r1-parse-code-1",
    "gen_ai.usage.input_tokens": 240,
    "gen_ai.usage.cache_read.input_tokens": 200,
    "gen_ai.usage.cache_creation.input_tokens": 30,
    "gen_ai.usage.output_tokens": 40,
    "headrace.provider": "direct",
    "headrace.run.id": "r1",
    "headrace.task.id": "parse",
    "headrace.attempt": 1,
    "headrace.cost.usd": 0.25,
    "headrace.cost.estimated": false,
  });
  expect(receiver.requests[0]?.headers).toMatchObject({ "x-tenant": "t1" });
});

test("metrics carry tokens and durations by the conventions' names, and tasks, landings and spend by ours", async () => {
  await using receiver = await collector();
  await told(receiver.url);
  const metrics = Object.fromEntries(receiver.metrics().map((metric) => [metric.name, metric]));
  const tokens = metrics["gen_ai.client.token.usage"]?.histogram?.dataPoints ?? [];
  expect(
    tokens.map((point) => [valueAt(point, "gen_ai.token.type"), Number(point.count), point.sum]),
  ).toEqual([
    ["input", 1, 240],
    ["output", 1, 40],
  ]);
  const durations = metrics["gen_ai.client.operation.duration"];
  expect(durations?.unit).toBe("s");
  expect(
    durations?.histogram?.dataPoints.map((point) => [valueAt(point, "error.type"), point.sum]),
  ).toEqual([
    ["rate", 1.5],
    [undefined, 2.5],
  ]);
  expect(metrics["headrace.spend"]?.sum?.dataPoints[0]?.asDouble).toBe(0.25);
  for (const name of ["headrace.tasks", "headrace.landings", "headrace.runs"])
    expect(metrics[name]?.sum?.dataPoints, name).toHaveLength(1);
});

test("a call that failed and may be billed all the same is one span and one duration, with its error", async () => {
  const [submitted] = runEvents();
  if (submitted === undefined) throw new Error("a run begins with its submission");
  const call = { step: "plan-1", role: "planner", provider: "spare", model: "m" } as const;
  const cut: NewEvent[] = [
    { type: "model.failed", ...call, class: "network", reason: "cut off", durationMs: 4_000 },
    {
      ...{ type: "model.called", ...call, call: "c1", cost: fromUsd(1), usage: NO_USAGE },
      ...{ estimated: true, durationMs: 4_000 },
    },
  ];
  await using receiver = await collector();
  await told(receiver.url, [[submitted], cut]);
  const [span, ...more] = receiver.spans();
  expect(more).toEqual([]);
  expect(lengthOf(span)).toBe(4_000_000_000n);
  expect(span && valueAt(span, "error.type")).toBe("network");
  expect(span && valueAt(span, "headrace.cost.usd")).toBe(1);
  expect(span && valueAt(span, "gen_ai.provider.name")).toBe("spare");
  const durations = receiver.metrics().find(({ name }) => name.endsWith("operation.duration"));
  const points = durations?.histogram?.dataPoints ?? [];
  expect(points.map((point) => [valueAt(point, "error.type"), Number(point.count)])).toEqual([
    ["network", 1],
  ]);
});

test("what the environment's own collector is to be sent goes to no other, and all of it to that one", async () => {
  await using named = await collector();
  await using inherited = await collector();
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", inherited.url);
  vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=token-of-all");
  vi.stubEnv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-trace-key=token-of-traces");
  vi.stubEnv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-metric-key=token-of-metrics");
  await told(named.url);
  expect(named.spans()).not.toEqual([]);
  expect(named.metrics()).not.toEqual([]);
  expect(inherited.requests).toEqual([]);
  expect(JSON.stringify(named.requests)).not.toContain("token-of");
  expect(process.env.OTEL_EXPORTER_OTLP_HEADERS).toBe("x-key=token-of-all");

  await told({ collector: "environment" });
  const sent = inherited.requests.map(({ path, headers }) => [path, headers["x-key"]]);
  expect(new Set(sent.map(String))).toEqual(
    new Set(["/v1/traces,token-of-all", "/v1/metrics,token-of-all"]),
  );
  for (const { path, headers } of inherited.requests) {
    expect(headers["x-trace-key"]).toBe(path === "/v1/traces" ? "token-of-traces" : undefined);
    expect(headers["x-metric-key"]).toBe(path === "/v1/metrics" ? "token-of-metrics" : undefined);
  }
});

test("nothing that a person, a model or a repository wrote is sent", async () => {
  await using receiver = await collector();
  await told(receiver.url);
  expect(receiver.requests.length).toBeGreaterThan(0);
  for (const { body } of receiver.requests) expect(body).not.toContain(SECRET);
});

test("a collector that is away, or never answers, holds back neither a run nor the factory's end", async () => {
  const { state } = await told("http://127.0.0.1:1");
  expect(state?.run.status).toBe("complete");
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const port = (silent.address() as AddressInfo).port;
  expect((await told(`http://127.0.0.1:${port}`)).state?.run.status).toBe("complete");
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
});
