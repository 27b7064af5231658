import type { Sandbox } from "@headrace/domain";
import { z } from "zod";

/** A failure the model can mend: its message is the tool's answer. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

export type ToolContext = { sandbox: Sandbox; signal: AbortSignal };

/** The whole answer, of any length; the loop decides how much of it the model is shown. */
export type ToolAnswer = { text: string; ok: boolean };

/** A call whose input was found valid. */
export type BoundCall = {
  /** one line for the run log */
  detail: string;
  run(context: ToolContext): Promise<ToolAnswer>;
};

export type Bound<T> = { ok: true; value: T } | { ok: false; problem: string };

/** A tool as the Messages API takes it. */
export type ToolSpec = { name: string; description: string; input_schema: Record<string, unknown> };

export type Tool = ToolSpec & {
  /** whether a run may change the workspace: then it is followed by a snapshot and repeated after a restart */
  mutates: boolean;
  bind(input: unknown): Bound<BoundCall>;
};

/** JSON Schema of what a model must send; the same bytes for the same schema. */
export const inputSchema = (schema: z.ZodType): Record<string, unknown> => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
};

/** Parses a model's input; the problem names each field and what was expected. */
export const parseInput = <T extends z.ZodType>(schema: T, input: unknown): Bound<z.output<T>> => {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { ok: false, problem: "the input is not a JSON object" };
  }
  const parsed = schema.safeParse(input, {
    error: (issue) =>
      issue.code === "invalid_type" && issue.input === undefined
        ? `Missing: expected ${issue.expected}`
        : undefined,
  });
  return parsed.success
    ? { ok: true, value: parsed.data }
    : { ok: false, problem: z.prettifyError(parsed.error) };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Fields of an input that its schema does not know, and parsing therefore left out. */
export const strayFields = (sent: unknown, kept: unknown, at = ""): string[] => {
  if (!isRecord(sent) || !isRecord(kept)) return [];
  return Object.entries(sent).flatMap(([key, value]) => {
    const path = Array.isArray(sent) ? `${at}[${key}]` : at === "" ? key : `${at}.${key}`;
    return Object.hasOwn(kept, key) ? strayFields(value, kept[key], path) : [path];
  });
};

/** A work tool. `run` throws `ToolError` for what the model can mend; any other error is the factory's. */
export const defineTool = <T extends z.ZodType>(tool: {
  name: string;
  description: string;
  input: T;
  mutates: boolean;
  detail(input: z.output<T>): string;
  run(input: z.output<T>, context: ToolContext): Promise<ToolAnswer>;
}): Tool => ({
  name: tool.name,
  description: tool.description,
  input_schema: inputSchema(tool.input),
  mutates: tool.mutates,
  bind: (raw) => {
    const parsed = parseInput(tool.input, raw);
    if (!parsed.ok) return parsed;
    const { value } = parsed;
    return {
      ok: true,
      value: { detail: tool.detail(value), run: (context) => tool.run(value, context) },
    };
  },
});
