/**
 * Every name that leaves the factory by telemetry. `gen_ai.*` and `error.type` are those of the GenAI semantic conventions
 * (OpenTelemetry 1.45, where they are still experimental); what those have no name for is `headrace.*`.
 */
export const OPERATION = {
  chat: "chat",
  agent: "invoke_agent",
  tool: "execute_tool",
  task: "headrace.task",
  run: "headrace.run",
} as const;

export const ATTRIBUTE = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  agent: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  tool: "gen_ai.tool.name",
  /** of all classes, read from the cache or written to it too */
  inputTokens: "gen_ai.usage.input_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  tokenType: "gen_ai.token.type",
  error: "error.type",
  /** as config.yaml names it */
  account: "headrace.provider",
  run: "headrace.run.id",
  task: "headrace.task.id",
  attempt: "headrace.attempt",
  outcome: "headrace.outcome",
  cost: "headrace.cost.usd",
  /** the whole reservation, because what the call cost is not known */
  estimated: "headrace.cost.estimated",
} as const;

type Metric = {
  name: string;
  kind: "counter" | "histogram";
  unit: string;
  description: string;
  /** of a histogram, as the conventions advise */
  boundaries?: number[];
};

const powers = (base: number, from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from * base ** i);

export const METRICS = {
  tokens: {
    name: "gen_ai.client.token.usage",
    ...{ kind: "histogram", unit: "{token}", description: "Tokens of a call, by type" },
    boundaries: powers(4, 1, 14),
  },
  duration: {
    name: "gen_ai.client.operation.duration",
    ...{ kind: "histogram", unit: "s", description: "Time from a call's request to its last byte" },
    boundaries: powers(2, 0.01, 14),
  },
  spend: {
    name: "headrace.spend",
    ...{ kind: "counter", unit: "{USD}", description: "What calls cost" },
  },
  tasks: {
    name: "headrace.tasks",
    ...{ kind: "counter", unit: "{task}", description: "Tasks that ended, by outcome" },
  },
  landings: {
    name: "headrace.landings",
    ...{ kind: "counter", unit: "{landing}", description: "Changes merged into a run's branch" },
  },
  runs: {
    name: "headrace.runs",
    ...{ kind: "counter", unit: "{run}", description: "Runs that ended, by outcome" },
  },
} as const satisfies Record<string, Metric>;
export type MetricKey = keyof typeof METRICS;
