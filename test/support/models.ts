import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  formatUserId,
  type ModelClient,
  ModelFailure,
  type ModelRequest,
  type UserId,
} from "@headrace/domain";
import { createModelClient, type ModelTimeouts } from "@headrace/models";
import { type Simulator, type SimulatorOptions, startSimulator } from "@headrace/simulator";
import { stringify } from "yaml";

export const CODER: UserId = {
  run: "r1",
  subject: "t1",
  role: "coder",
  attempt: 1,
  conversation: 1,
};

export const TIMEOUTS: ModelTimeouts = { idleMs: 5_000, totalMs: 20_000 };

/** A simulator that plays `turns` to the coder of task t1. */
export const simulate = async (
  turns: unknown[],
  conditions: Omit<SimulatorOptions, "mode"> = {},
): Promise<Simulator> => {
  const dir = await mkdtemp(join(tmpdir(), "headrace-script-"));
  const file = join(dir, "script.yaml");
  await writeFile(file, stringify({ conversations: [{ role: "coder", task: "t1", turns }] }));
  try {
    return await startSimulator({ mode: { kind: "script", file }, ...conditions });
  } finally {
    await rm(dir, { recursive: true });
  }
};

export const clientOf = (
  { url, apiKey }: Pick<Simulator, "url" | "apiKey">,
  timeouts = TIMEOUTS,
): ModelClient => createModelClient({ baseUrl: url, apiKey, timeouts });

export const request = (change: Partial<ModelRequest> = {}): ModelRequest => ({
  model: "claude-sonnet-5",
  maxTokens: 1000,
  system: [{ type: "text", text: "You write code." }],
  tools: [{ name: "read", description: "reads", input_schema: { type: "object" } }],
  messages: [{ role: "user", content: [{ type: "text", text: "Write the parser." }] }],
  userId: formatUserId(CODER),
  ...change,
});

/** `turns` calls of `read`, each answered with `result`. */
export const reads = (turns: number, result: string): ModelRequest["messages"] =>
  Array.from({ length: turns }, (_, i) => [
    {
      role: "assistant" as const,
      content: [{ type: "tool_use", id: `t${i}`, name: "read", input: { path: `${i}` } }],
    },
    {
      role: "user" as const,
      content: [{ type: "tool_result", tool_use_id: `t${i}`, content: result }],
    },
  ]).flat();

/** The conversation after so many turns. */
export const grown = (turns: number, result = "ok"): ModelRequest =>
  request({ messages: [...request().messages, ...reads(turns, result)] });

export const failureOf = async (work: Promise<unknown>): Promise<ModelFailure> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof ModelFailure) return error;
    throw error;
  }
  throw new Error("the call did not fail");
};
