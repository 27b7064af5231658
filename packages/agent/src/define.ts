import type { Brief, Guidance, Role } from "@headrace/domain";
import type { z } from "zod";
import {
  type Bound,
  inputSchema,
  parseInput,
  strayFields,
  type Tool,
  type ToolSpec,
} from "./tool.ts";

/** When a conversation is worth leaving for a fresh one that goes on from it. */
export type HandoffLimits = {
  /** the share of the model's window that a turn takes up */
  window: number;
  /** how many times the conversation's median its last turns' prompts cost */
  cost: number;
  /** turns before what they cost is looked at */
  turns: number;
};

/** What ends a conversation that does not end itself; the harness's data, checked in one place. */
export type AgentLimits = {
  /** of all conversations that hand the job on to one another, as the output tokens are */
  turns: number;
  /** of all replies together */
  outputTokens: number;
  /** of one reply: the request's `max_tokens` */
  replyTokens: number;
  /** since the claim, less waits for sandboxes and models; a resumed conversation gets it anew */
  wallMs: number;
  /** calls in a row that could not be understood, replies without a call included */
  malformed: number;
  /** turns in a row with the same calls and the same results: a nudge, and the next time the end */
  repeats: number;
  handoff: HandoffLimits;
};

/** What a terminal tool's `accept` may look at. */
export type Workspace = {
  /** a text file as the agent left it */
  read(path: string): Promise<string | undefined>;
  /** whether the last snapshot differs from what the agent was given */
  changed(): Promise<boolean>;
};

/** The tool that hands in a role's work. */
export type Terminal<O = unknown> = {
  name: string;
  description: string;
  schema: z.ZodType<O>;
  /** what is still wrong with a well-formed submission, in sentences the model can act on */
  accept?(output: O, workspace: Workspace): string[] | Promise<string[]>;
};

/** Infers what `accept` is given from the schema. */
export const defineTerminal = <O>(terminal: Terminal<O>): Terminal<O> => terminal;

export type BoundTerminal = ToolSpec & {
  bind(input: unknown): Bound<{
    output: unknown;
    problems(workspace: Workspace): Promise<string[]>;
  }>;
};

/** One job of a role: the blocks of its first message and how it ends. */
export type AgentJob = { opening: string[]; terminal: BoundTerminal };

/** A role as data. */
export type AgentDefinition = {
  role: Role;
  prompt: string;
  tools: readonly Tool[];
  limits: AgentLimits;
  /** whether the role's workspace is its result: then every turn that may change it is saved */
  snapshots: boolean;
  /** Throws a ZodError for a brief that is not this role's. */
  open(brief: Brief, guidance: readonly Guidance[]): AgentJob;
};

const bindTerminal = (terminal: Terminal): BoundTerminal => ({
  name: terminal.name,
  description: terminal.description,
  input_schema: inputSchema(terminal.schema),
  bind: (input) => {
    const parsed = parseInput(terminal.schema, input);
    if (!parsed.ok) return parsed;
    const output = parsed.value;
    // a misspelt optional field would be lost without a word: blockedBy, for one
    const stray = strayFields(input, output);
    if (stray.length > 0) {
      return { ok: false, problem: `the tool takes no ${stray.slice(0, 10).join(", ")}` };
    }
    const problems = async (workspace: Workspace) =>
      (await terminal.accept?.(output, workspace)) ?? [];
    return { ok: true, value: { output, problems } };
  },
});

export const defineAgent = <B extends z.ZodType>(agent: {
  role: Role;
  prompt: string;
  workTools: readonly Tool[];
  limits: AgentLimits;
  snapshots: boolean;
  brief: B;
  terminal(brief: z.output<B>): Terminal;
  render(brief: z.output<B>, guidance: readonly Guidance[]): { guidance: string[]; task: string };
}): AgentDefinition => ({
  role: agent.role,
  prompt: agent.prompt,
  tools: agent.workTools,
  limits: agent.limits,
  snapshots: agent.snapshots,
  open: (raw, guidance) => {
    const brief = agent.brief.parse(raw);
    const rendered = agent.render(brief, guidance);
    return {
      opening: [...rendered.guidance, rendered.task],
      terminal: bindTerminal(agent.terminal(brief)),
    };
  },
});
