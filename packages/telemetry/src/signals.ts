import { createHash } from "node:crypto";
import {
  DEFAULT_PROVIDER,
  type EventOf,
  type RunState,
  type StoredEvent,
  type TaskRow,
  toUsd,
} from "@headrace/domain";
import { ATTRIBUTE, type MetricKey, OPERATION } from "./names.ts";

type Attributes = Record<string, string | number | boolean>;

/** A span that has ended. Its ids follow from what it is of, so that parents are known before they end. */
export type SpanRecord = {
  trace: string;
  id: string;
  parent?: string;
  name: string;
  /** a request to a provider, or work of our own */
  kind: "client" | "internal";
  startMs: number;
  endMs: number;
  attributes: Attributes;
  /** the class of what went wrong */
  error?: string;
};

export type Point = { metric: MetricKey; value: number; attributes: Attributes };

export type Signals = { spans: SpanRecord[]; points: Point[] };

const hex = (text: string, digits: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, digits);

const traceOf = (run: string): string => hex(run, 32);
const idOf = (run: string, ...what: string[]): string => hex([run, ...what].join("/"), 16);

type Event = StoredEvent;

/** The span of the event's task, else that of its run. */
const ownerOf = ({ run, task }: Pick<Event, "run" | "task">): string =>
  task === undefined ? idOf(run, "run") : idOf(run, "task", task);

const about = ({ run, task, attempt }: Event): Attributes => ({
  [ATTRIBUTE.run]: run,
  ...(task === undefined ? {} : { [ATTRIBUTE.task]: task }),
  ...(attempt === undefined ? {} : { [ATTRIBUTE.attempt]: attempt }),
});

const span = (
  event: Event,
  what: Pick<SpanRecord, "id" | "name" | "kind" | "startMs" | "attributes"> &
    Partial<Pick<SpanRecord, "parent" | "error">>,
): SpanRecord => ({
  trace: traceOf(event.run),
  endMs: Date.parse(event.at),
  ...what,
  attributes: {
    ...about(event),
    ...what.attributes,
    ...(what.error === undefined ? {} : { [ATTRIBUTE.error]: what.error }),
  },
});

/** The names that the conventions have for providers, by the ids of an installation's own; without one its id is the name. */
export type ProviderNames = ReadonlyMap<string, string>;

const chat = (
  {
    provider: id = DEFAULT_PROVIDER,
    model,
  }: { [key in "provider" | "model"]?: string | undefined },
  names: ProviderNames,
): { common: Attributes; account: Attributes } => ({
  common: {
    [ATTRIBUTE.operation]: OPERATION.chat,
    [ATTRIBUTE.provider]: names.get(id) ?? id,
    ...(model === undefined ? {} : { [ATTRIBUTE.requestModel]: model }),
  },
  account: { [ATTRIBUTE.account]: id },
});

/** `error` is the class of a call that failed and may be billed all the same. */
const called = (
  event: EventOf<"model.called">,
  names: ProviderNames,
  error: string | undefined,
): Signals => {
  const { usage, cost, model, role, step, estimated, durationMs, call } = event;
  const cacheWrite = usage.cacheWrite5m + usage.cacheWrite1h;
  const input = usage.input + cacheWrite + usage.cacheRead;
  const usd = toUsd(cost);
  const { common, account } = chat(event, names);
  const token = (type: string, value: number): Point => ({
    metric: "tokens",
    value,
    attributes: { ...common, [ATTRIBUTE.tokenType]: type },
  });
  return {
    spans: [
      span(event, {
        id: idOf(event.run, "call", call),
        parent: idOf(event.run, "step", step),
        name: `${OPERATION.chat} ${model}`,
        kind: "client",
        startMs: Date.parse(event.at) - durationMs,
        ...(error === undefined ? {} : { error }),
        attributes: {
          ...common,
          ...account,
          [ATTRIBUTE.agent]: role,
          [ATTRIBUTE.conversation]: step,
          [ATTRIBUTE.inputTokens]: input,
          [ATTRIBUTE.cacheReadTokens]: usage.cacheRead,
          [ATTRIBUTE.cacheWriteTokens]: cacheWrite,
          [ATTRIBUTE.outputTokens]: usage.output,
          [ATTRIBUTE.cost]: usd,
          [ATTRIBUTE.estimated]: estimated,
        },
      }),
    ],
    points: [
      token("input", input),
      token("output", usage.output),
      lasted(durationMs, common, error),
      { metric: "spend", value: usd, attributes: { ...common, [ATTRIBUTE.agent]: role } },
    ],
  };
};

const lasted = (durationMs: number, common: Attributes, error: string | undefined): Point => ({
  metric: "duration",
  value: durationMs / 1000,
  attributes: error === undefined ? common : { ...common, [ATTRIBUTE.error]: error },
});

/** A call that costs nothing; of one whose length is in no event the span is a moment. */
const failed = (event: EventOf<"model.failed">, names: ProviderNames): Signals => {
  const { model, role, step, seq, durationMs } = event;
  const { common, account } = chat(event, names);
  const name = model === undefined ? OPERATION.chat : `${OPERATION.chat} ${model}`;
  return {
    spans: [
      span(event, {
        id: idOf(event.run, "failure", String(seq)),
        parent: idOf(event.run, "step", step),
        ...{ name, kind: "client", error: event.class },
        startMs: Date.parse(event.at) - (durationMs ?? 0),
        attributes: {
          ...common,
          ...account,
          [ATTRIBUTE.agent]: role,
          [ATTRIBUTE.conversation]: step,
        },
      }),
    ],
    points: durationMs === undefined ? [] : [lasted(durationMs, common, event.class)],
  };
};

const ranTool = (event: EventOf<"tool.ran">): Signals => ({
  spans: [
    span(event, {
      id: idOf(event.run, "tool", String(event.seq)),
      parent: idOf(event.run, "step", event.step),
      name: `${OPERATION.tool} ${event.tool}`,
      kind: "internal",
      startMs: Date.parse(event.at) - event.durationMs,
      ...(event.ok ? {} : { error: "tool" }),
      attributes: {
        [ATTRIBUTE.operation]: OPERATION.tool,
        [ATTRIBUTE.tool]: event.tool,
        [ATTRIBUTE.agent]: event.role,
        [ATTRIBUTE.conversation]: event.step,
      },
    }),
  ],
  points: [],
});

const finishedStep = (event: EventOf<"step.finished">, state: RunState): Signals => {
  const row = state.steps[event.step];
  const { result } = event;
  if (row?.role === undefined || result.kind !== "agent") return NOTHING;
  const { end } = result.result;
  return {
    spans: [
      span(event, {
        id: idOf(event.run, "step", event.step),
        parent: ownerOf(event),
        name: `${OPERATION.agent} ${row.role}`,
        kind: "internal",
        startMs: Date.parse(row.requestedAt),
        ...(end === "blocked" || end === "limit" ? { error: end } : {}),
        attributes: {
          [ATTRIBUTE.operation]: OPERATION.agent,
          [ATTRIBUTE.agent]: row.role,
          [ATTRIBUTE.conversation]: event.step,
          [ATTRIBUTE.outcome]: end,
        },
      }),
    ],
    points: [],
  };
};

const endedTask = (event: Event, row: TaskRow | undefined, outcome: string): Signals => {
  if (row === undefined) return NOTHING;
  const outcomes = { [ATTRIBUTE.outcome]: outcome };
  return {
    spans: [
      span(event, {
        id: ownerOf(event),
        parent: idOf(event.run, "run"),
        ...{ name: OPERATION.task, kind: "internal" },
        startMs: Date.parse(row.startedAt ?? event.at),
        ...(outcome === "landed" ? {} : { error: outcome }),
        attributes: { ...outcomes, [ATTRIBUTE.cost]: toUsd(row.spent) },
      }),
    ],
    points: [
      { metric: "tasks", value: 1, attributes: outcomes },
      ...(outcome === "landed" ? [{ metric: "landings" as const, value: 1, attributes: {} }] : []),
    ],
  };
};

const endedRun = (event: Event, { run }: RunState, outcome: string): Signals => {
  const outcomes = { [ATTRIBUTE.outcome]: outcome };
  return {
    spans: [
      span(event, {
        id: idOf(run.id, "run"),
        ...{ name: OPERATION.run, kind: "internal", startMs: Date.parse(run.submittedAt) },
        ...(outcome === "complete" || outcome === "planned" ? {} : { error: outcome }),
        attributes: { ...outcomes, [ATTRIBUTE.cost]: toUsd(run.spent) },
      }),
    ],
    points: [{ metric: "runs", value: 1, attributes: outcomes }],
  };
};

const NOTHING: Signals = { spans: [], points: [] };

/**
 * What the events of one commit come to, with `state` as it was after it or later. No text that a person, a model or a
 * repository wrote is in it: ids, names of models and tools, counts and times. A failed call that may be billed is two
 * events of one commit, and one span.
 */
export const signalsOf = (
  events: readonly Event[],
  state: RunState,
  names: ProviderNames,
): Signals[] => {
  const billed = new Set(events.flatMap((e) => (e.type === "model.called" ? e.step : [])));
  const classes = new Map(
    events.flatMap((e) => (e.type === "model.failed" ? [[e.step, e.class] as const] : [])),
  );
  return events.map((event) => {
    if (event.type === "model.called") return called(event, names, classes.get(event.step));
    if (event.type !== "model.failed") return otherSignals(event, state);
    return billed.has(event.step) ? NOTHING : failed(event, names);
  });
};

const otherSignals = (event: Event, state: RunState): Signals => {
  switch (event.type) {
    case "tool.ran":
      return ranTool(event);
    case "step.finished":
      return finishedStep(event, state);
    case "merge.landed":
      return endedTask(event, state.tasks[event.task ?? ""], "landed");
    case "task.quarantined":
      return endedTask(event, state.tasks[event.task ?? ""], "quarantined");
    case "run.completed":
      return endedRun(event, state, "complete");
    case "run.planned":
      return endedRun(event, state, "planned");
    case "run.incomplete":
      return endedRun(event, state, "incomplete");
    case "run.cancelled":
      return endedRun(event, state, "cancelled");
    default:
      return NOTHING;
  }
};
