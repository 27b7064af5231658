import type { ModelReply, ToolUse } from "@headrace/domain";
import { reportBlocked } from "./blocked.ts";
import type { BoundTerminal } from "./define.ts";
import type { BoundCall, Tool } from "./tool.ts";
import type { Turn } from "./transcript.ts";

type Submission = Extract<ReturnType<BoundTerminal["bind"]>, { ok: true }>["value"];

/** What a tool use of a reply turned out to be. */
export type Call = { use: ToolUse } & (
  | { kind: "work"; call: BoundCall; mutates: boolean }
  | { kind: "submit"; submission: Submission }
  | { kind: "blocked"; reason: string; question: string | undefined }
  | { kind: "malformed"; problem: string }
);

export type Toolbox = { tools: readonly Tool[]; terminal: BoundTerminal };

const CUT =
  "not run: the reply was cut at its output limit, so this call may be incomplete. Send it again, in smaller pieces";

/** Reads the calls of a reply. Pure, so that what a resumed run makes of a reply is what the first one did. */
export const readCalls = (turn: Turn, toolbox: Toolbox): Call[] =>
  turn.uses.map((use) =>
    isCut(turn.reply) ? { use, kind: "malformed", problem: CUT } : readCall(use, toolbox),
  );

export const isCut = (reply: ModelReply): boolean => reply.stopReason === "max_tokens";

const readCall = (use: ToolUse, { tools, terminal }: Toolbox): Call => {
  const malformed = (problem: string): Call => ({ use, kind: "malformed", problem });
  if (use.name === terminal.name) {
    const bound = terminal.bind(use.input);
    return bound.ok ? { use, kind: "submit", submission: bound.value } : malformed(bound.problem);
  }
  if (use.name === reportBlocked.name) {
    const bound = reportBlocked.bind(use.input);
    if (!bound.ok) return malformed(bound.problem);
    return { use, kind: "blocked", reason: bound.value.reason, question: bound.value.question };
  }
  const tool = tools.find(({ name }) => name === use.name);
  if (tool === undefined) {
    const names = [...tools, terminal, reportBlocked].map(({ name }) => name).join(", ");
    return malformed(`there is no tool ${JSON.stringify(use.name)}; the tools are ${names}`);
  }
  const bound = tool.bind(use.input);
  return bound.ok
    ? { use, kind: "work", call: bound.value, mutates: tool.mutates }
    : malformed(bound.problem);
};
