import { readFile } from "node:fs/promises";
import { Id, Role, UserError } from "@headrace/domain";
import { type Document, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { BreakPoint, Delay, Limits, ProviderKind, Storm, UsageTold } from "./conditions.ts";

/** A tool call is written `tool: {its input}`. */
const Call = z
  .record(z.string(), z.record(z.string(), z.unknown()).nullable())
  .refine((call) => Object.keys(call).length === 1, "expected exactly one tool name with its input")
  .transform((call) => {
    const [name = "", input] = Object.entries(call)[0] ?? [];
    return { name, input: input ?? {} };
  });

const ScriptedError = z.strictObject({
  status: z.number().int().min(400).max(599),
  type: z.string().optional(),
  message: z.string().default("scripted error"),
  /** how often the error comes before the reply does */
  times: z.number().int().positive().max(10_000).default(1),
  /** seconds */
  retryAfter: z.number().nonnegative().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** so many events of the stream come before it, which tells it then */
  after: z.number().int().optional(),
});

const Turn = z
  .strictObject({
    /** must occur in the newest user message or its tool results: proof that it reached the model */
    contains: z
      .union([
        z
          .string()
          .min(1)
          .transform((text) => [text]),
        z.array(z.string().min(1)),
      ])
      .default([]),
    text: z.string().min(1).optional(),
    calls: z.array(Call).default([]),
    stop: z
      .enum([
        "end_turn",
        "tool_use",
        "max_tokens",
        "refusal",
        "pause_turn",
        "model_context_window_exceeded",
      ])
      .optional(),
    /** silence before the first byte, milliseconds */
    firstByteMs: Delay,
    /** silence before the content */
    delayMs: Delay,
    /** the connection breaks there, once */
    cut: BreakPoint.default(false),
    /** the stream falls silent there, once */
    stall: BreakPoint.default(false),
    usage: UsageTold.optional(),
    error: ScriptedError.optional(),
  })
  .refine(
    (turn) => turn.text !== undefined || turn.calls.length > 0 || turn.error !== undefined,
    "a turn needs text, calls or an error",
  );
export type Turn = z.infer<typeof Turn>;

const Conversation = z.strictObject({
  role: Role,
  /** a task id, `plan` or `end` */
  task: Id,
  attempt: z.number().int().positive().default(1),
  conversation: z.number().int().positive().default(1),
  turns: z.array(Turn).min(1),
});
export type Conversation = z.infer<typeof Conversation>;

export const Script = z.strictObject({
  provider: ProviderKind.optional(),
  limits: Limits.optional(),
  storm: Storm.optional(),
  conversations: z.array(Conversation).min(1),
});
export type Script = z.infer<typeof Script>;

const HELP = "The format is described in model-script.md, whose place `headrace --help` tells.";

type Path = readonly PropertyKey[];

const fieldName = (path: Path): string =>
  path.reduce<string>(
    (name, part) =>
      typeof part === "number"
        ? `${name}[${part}]`
        : name === ""
          ? String(part)
          : `${name}.${String(part)}`,
    "",
  ) || "the document";

/** A problem of zod's, told in the words of its innermost alternative. */
const describe = (issue: z.core.$ZodIssue): string =>
  issue.code === "invalid_union"
    ? (issue.errors.flat()[0]?.message ?? issue.message)
    : issue.message;

const toData = (document: Document, file: string): unknown => {
  try {
    return document.toJS();
  } catch (error) {
    // an alias without its anchor, or too many of them
    throw new UserError(`${file}: not YAML: ${(error as Error).message}`, HELP, { cause: error });
  }
};

/** Parses a model script; throws `UserError` that names file, line and field. */
export const parseScript = (text: string, file: string): Script => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const lineOf = (path: Path): number => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown =
        depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
      const range = (node as { range?: [number, number, number] } | undefined)?.range;
      if (range) return lines.linePos(range[0]).line;
    }
    return 1;
  };
  const broken = document.errors[0];
  if (broken)
    throw new UserError(
      `${file}:${broken.linePos?.[0].line ?? 1}: not YAML: ${broken.message.split("\n")[0]}`,
      HELP,
    );
  const parsed = Script.safeParse(toData(document, file));
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 5)
      .map(
        (issue) => `${file}:${lineOf(issue.path)}: ${fieldName(issue.path)}: ${describe(issue)}`,
      );
    throw new UserError(problems.join("\n"), HELP);
  }
  const seen = new Map<string, number>();
  for (const [i, entry] of parsed.data.conversations.entries()) {
    const key = conversationKey(entry);
    const line = lineOf(["conversations", i]);
    const first = seen.get(key);
    if (first !== undefined)
      throw new UserError(
        `${file}:${line}: conversations[${i}]: repeats the one in line ${first}: ${key}`,
        "Merge their turns, or give one another attempt or conversation.",
      );
    seen.set(key, line);
  }
  return parsed.data;
};

/** What a request must be about to get this conversation's replies. */
export const conversationKey = (
  at: Pick<Conversation, "role" | "task" | "attempt" | "conversation">,
): string =>
  `role ${at.role}, task ${at.task}, attempt ${at.attempt}, conversation ${at.conversation}`;

/** Reads a model script; a file that cannot be read is a `UserError`. */
export const readScript = async (file: string): Promise<Script> => {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`cannot read the model script ${file}`, "Check the path after script:", {
      cause: error,
    });
  }
  return parseScript(text, file);
};
