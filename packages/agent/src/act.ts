import { createHash } from "node:crypto";
import { type AgentEnd, canonicalJson } from "@headrace/domain";
import { answer, work } from "./answer.ts";
import { type Call, isCut, readCalls } from "./calls.ts";
import { handOff, isBriefGiven, usedSoFar } from "./handoff.ts";
import { save, saveBefore, saveNow } from "./save.ts";
import type { AgentRun, Session } from "./session.ts";
import type { Turn } from "./transcript.ts";

const noCall = (terminal: string): string =>
  `Your reply held no tool call, so nothing happened. Nobody reads text: go on with a tool, or end the job with ${terminal} or report_blocked.`;
const CUT =
  "Your reply was cut at its output limit before it called a tool. Go on in smaller steps, with a tool call.";

/**
 * Does what the last reply asks for and is not recorded as done: work calls in order, then the snapshot, then the
 * submission. So the same function finishes a turn that another worker left half done. Where nothing is submitted, the
 * snapshot is taken beside the model's next call. Of a reply that was to be a brief for the next conversation only the
 * submission counts as a call.
 */
export const act = async (session: Session): Promise<AgentRun | undefined> => {
  const turn = session.transcript.last;
  if (turn === undefined) return undefined;
  const handingOff = isBriefGiven(session.transcript);
  const calls = readCalls(turn, session.toolbox);
  await saveBefore(session, turn);
  if (!handingOff) for (const call of calls) await work(session, turn, call);
  const closing = calls.filter((call) => call.kind === "submit" || call.kind === "blocked");
  const refused = closing.length === 0 ? [] : await saveNow(session, turn);
  for (const call of closing) {
    const end = await submit(session, turn, call, refused);
    if (end !== undefined) return session.ended(end);
  }
  if (handingOff) return handOff(session);
  session.saveBeside(save(session, turn.n));
  if (calls.length === 0)
    await session.note(isCut(turn.reply) ? CUT : noCall(session.toolbox.terminal.name));
  return undefined;
};

/** The job's end, if the call is one and nothing speaks against it. */
const submit = async (
  session: Session,
  turn: Turn,
  call: Call,
  refused: readonly string[],
): Promise<AgentEnd | undefined> => {
  if (turn.results.has(call.use.id)) return undefined;
  if (call.kind === "blocked") {
    const { reason, question } = call;
    const used = usedSoFar(session);
    return { end: "blocked", reason, ...(question === undefined ? {} : { question }), used };
  }
  if (call.kind !== "submit") return undefined;
  const problems = refused.length > 0 ? refused : await call.submission.problems(session.workspace);
  if (problems.length === 0) {
    const { model } = turn.reply;
    const { output } = call.submission;
    return { end: "submitted", output, model, turns: turn.n, prompt: promptOf(session) };
  }
  const text = `Not accepted yet:\n${problems.map((problem) => `- ${problem}`).join("\n")}`;
  await answer(session, turn, call.use, { text, ok: false, durationMs: 0, detail: "not accepted" });
  return undefined;
};

/** By this hash it can be told which prompt a change came from. */
const promptOf = ({ instructions, job: { opening } }: Session): string =>
  createHash("sha256")
    .update(canonicalJson({ ...instructions, opening }))
    .digest("hex");
