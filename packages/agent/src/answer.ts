import { PRODUCT, type ToolResult, type ToolUse } from "@headrace/domain";
import type { Call } from "./calls.ts";
import { SandboxLost } from "./lost.ts";
import type { Session } from "./session.ts";
import { headAndTail, safeText, shownChars } from "./text.ts";
import { type BoundCall, type ToolAnswer, ToolError } from "./tool.ts";
import { writeText } from "./tools/files.ts";
import type { Turn } from "./transcript.ts";

type Answer = ToolAnswer & { durationMs: number; detail: string; lost?: true };

/** Runs a work call, or explains a malformed one, unless that is recorded already. */
export const work = async (session: Session, turn: Turn, call: Call): Promise<void> => {
  if (turn.results.has(call.use.id)) return;
  if (call.kind === "malformed") {
    const text = `The call was not run: ${call.problem}`;
    await answer(session, turn, call.use, { text, ok: false, durationMs: 0, detail: "malformed" });
  }
  if (call.kind === "work") {
    const done = await timed(session, call.call).catch((error: unknown): never => {
      if (error instanceof SandboxLost) {
        error.call = { turn, use: call.use, detail: call.call.detail };
      }
      throw error;
    });
    await answer(session, turn, call.use, done);
  }
};

/** The answer to a call whose sandbox did not survive it. */
export const answerLost = async (session: Session, { call, message }: SandboxLost) => {
  if (call === undefined) return;
  const text = `The call did not come to its end: ${message.slice(0, 500)}. What it changed is undone. Do not repeat it as it was.`;
  const result = { text, ok: false, durationMs: 0, detail: call.detail, lost: true as const };
  await answer(session, call.turn, call.use, result);
};

const timed = async (session: Session, call: BoundCall): Promise<Answer> => {
  session.context.signal.throwIfAborted();
  const before = session.elapsedMs;
  const result = await call.run(session.context).catch((error: unknown): ToolAnswer => {
    if (error instanceof ToolError) return { text: error.message, ok: false };
    throw error;
  });
  return { ...result, detail: call.detail, durationMs: Math.max(0, session.elapsedMs - before) };
};

/** Makes a tool's answer the durable result of its call, and says in the run log that it ran. */
export const answer = async (
  session: Session,
  turn: Turn,
  use: ToolUse,
  { text, ok, durationMs, detail, lost }: Answer,
): Promise<void> => {
  const { api, claim, definition } = session.options;
  const result: ToolResult = {
    toolUseId: use.id,
    isError: !ok,
    ...(await bounded(session, turn, use, safeText(text))),
    durationMs,
    ...(lost === undefined ? {} : { lost }),
  };
  await session.record({ kind: "tool", turn: turn.n, result });
  await api.report(claim.fence, {
    type: "tool.ran",
    step: claim.fence.step,
    role: definition.role,
    tool: oneLine(use.name, 64),
    ok,
    durationMs,
    detail: oneLine(detail, 300),
  });
};

const oneLine = (text: string, max: number): string =>
  safeText(text).replace(/\s+/g, " ").slice(0, max).toWellFormed();

/** What the model is shown, and where the whole stands: as a blob of the transcript and as a file beside it. */
const bounded = async (
  session: Session,
  turn: Turn,
  use: ToolUse,
  text: string,
): Promise<Pick<ToolResult, "content" | "full">> => {
  const max = shownChars([...turn.results.values()].map(({ content }) => content));
  if (text.length <= max) return { content: text };
  const { api, claim } = session.options;
  const path = `/tmp/${PRODUCT}/${turn.n}-${turn.uses.indexOf(use) + 1}.txt`;
  const kept = await writeText(session.sandbox, path, text).catch((error: unknown) => {
    if (error instanceof ToolError) return undefined;
    throw error;
  });
  if (kept === undefined) return { content: headAndTail(text, max, "it could not be kept") };
  const blob = await api.putBlob(claim.fence, new TextEncoder().encode(text));
  return {
    content: headAndTail(text, max, `the whole text is in ${path}`),
    full: { blob, path },
  };
};
