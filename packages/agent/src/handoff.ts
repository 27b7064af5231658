import type { HandoffBrief, Used } from "@headrace/domain";
import { readCalls } from "./calls.ts";
import { handoffDue } from "./handoff-due.ts";
import { isNearlyUsedUp } from "./limits.ts";
import { tell } from "./save.ts";
import type { AgentRun, Session } from "./session.ts";
import { safeText } from "./text.ts";
import { bash } from "./tools/bash.ts";
import { edit } from "./tools/edit.ts";
import { read } from "./tools/read.ts";
import { write } from "./tools/write.ts";
import type { Transcript, Turn } from "./transcript.ts";

/** Of the reply that is the brief; five sections of the length that is kept need fewer. */
export const BRIEF_TOKENS = 4_000;
const SECTION_CHARS = 2_500;
const LINE_CHARS = 300;
const MAX_PATHS = 60;
const MAX_COMMANDS = 5;
const OUTPUT_CHARS = 1_200;

const ASKED = "This conversation ends with your next reply: ";
/**
 * A note, and not a tool or another system prompt: the prompt's prefix stays what it is, so what was said is read from
 * the cache once more. Its first line holds why.
 */
const noteOf = (why: string, terminal: string): string =>
  `${ASKED}${why}.
Somebody goes on from the workspace as it stands, and knows of this conversation only what you write now. No work tool is run any more; if the job is complete, hand it in with ${terminal} as usual. Otherwise reply with text under these headings:

## Goal
What is to be achieved, as you have come to understand it.
## Done
What stands in the workspace, and why it is as it is.
## Evidence
What shows that it works: commands and their results.
## Open problems
What is left, what fails, what was tried in vain; what to do next.
## Files
The files that matter, a line each.`;

const whyIn = (notes: readonly string[] = []): string | undefined =>
  notes
    .find((text) => text.startsWith(ASKED))
    ?.slice(ASKED.length)
    .split(".\n")[0];

/** Whether the next reply is to be the brief. */
export const isBriefAsked = ({ notes }: Transcript): boolean => whyIn(notes) !== undefined;

/** Whether the last reply is what was asked for as the brief. */
export const isBriefGiven = ({ turns }: Transcript): boolean =>
  whyIn(turns.at(-2)?.notes) !== undefined;

/** The work calls of a turn that were run to their end. */
const worked = (session: Session, turn: Turn) =>
  readCalls(turn, session.toolbox).flatMap((call) => {
    const result = turn.results.get(call.use.id);
    if (call.kind !== "work" || result === undefined || result.lost) return [];
    return [{ tool: call.use.name, detail: oneLine(call.call.detail), result }];
  });

/** Where nothing was done there is nothing to go on from, and another conversation would come to the same point. */
const mayHandOff = (session: Session): boolean =>
  (session.options.claim.input.handoffs ?? 0) > 0 &&
  session.transcript.turns.some((turn) => worked(session, turn).length > 0);

const dueNow = ({ transcript, candidate, options }: Session): string | undefined =>
  handoffDue(
    transcript.turns.map(({ reply }) => reply.usage),
    candidate?.window,
    options.definition.limits.handoff,
  );

/** Asks for the brief if this conversation is better left; answers whether the next reply is to be it. */
export const askForBrief = async (session: Session): Promise<boolean> => {
  if (isBriefAsked(session.transcript)) return true;
  const { limits } = session.options.definition;
  // with little left to do it in, the next conversation would only read itself in
  if (!mayHandOff(session) || isNearlyUsedUp(usedSoFar(session), limits)) return false;
  const why = dueNow(session);
  if (why === undefined) return false;
  // what could not be saved would be lost with this sandbox: it is mended first
  const problems = (await session.saved()) ?? [];
  await tell(session, problems);
  if (problems.length > 0) return false;
  await session.note(noteOf(why, session.job.terminal.name));
  return true;
};

/** The end of a conversation that the model has no room for. */
export const outOfRoom = async (session: Session, detail: string): Promise<AgentRun> =>
  mayHandOff(session)
    ? handOff(session, detail)
    : session.ended({ end: "limit", limit: "context", detail });

/** Ends the conversation for the next one, with what its model wrote, if it did, and what its record shows. */
export const handOff = async (session: Session, detail?: string): Promise<AgentRun> => {
  const unsaved = (await session.saved()) ?? [];
  const { transcript } = session;
  const why = detail ?? whyIn(transcript.notes) ?? whyIn(transcript.turns.at(-2)?.notes) ?? "";
  const told = isBriefGiven(transcript) ? sectionsOf(textOf(transcript.last)) : undefined;
  const brief: HandoffBrief = {
    why: oneLine(why),
    ...(told === undefined ? {} : { told }),
    ...seenIn(session),
    ...(unsaved.length === 0 ? {} : { unsaved: unsaved.slice(0, MAX_PATHS).map(oneLine) }),
  };
  return session.ended({ end: "handoff", brief, used: usedSoFar(session) });
};

/** By this conversation and those before it in the job. */
export const usedSoFar = ({ transcript, options }: Session): Used => {
  const { turns: before, outputTokens } = options.claim.input.used ?? { turns: 0, outputTokens: 0 };
  return {
    turns: before + transcript.turns.length,
    outputTokens: transcript.turns.reduce((n, { reply }) => n + reply.usage.output, outputTokens),
  };
};

const oneLine = (text: string): string =>
  safeText(text).replace(/\s+/g, " ").slice(0, LINE_CHARS).toWellFormed();

/** What code knows of the conversation, whatever its model says. */
const seenIn = (session: Session): Pick<HandoffBrief, "read" | "edited" | "commands"> => {
  const calls = session.transcript.turns.flatMap((turn) => worked(session, turn));
  const paths = (...tools: string[]) => [
    ...new Set(
      calls.flatMap(({ tool, detail, result }) =>
        tools.includes(tool) && !result.isError ? [detail] : [],
      ),
    ),
  ];
  const commands = calls.filter(({ tool }) => tool === bash.name);
  const newest = commands.filter(
    ({ detail }, i) => commands.findLastIndex((call) => call.detail === detail) === i,
  );
  return {
    edited: paths(write.name, edit.name).slice(-MAX_PATHS),
    read: paths(read.name).slice(-MAX_PATHS),
    commands: newest.slice(-MAX_COMMANDS).map(({ detail, result: { content, isError } }) => ({
      command: detail,
      ok: !isError,
      output: content.slice(-OUTPUT_CHARS).toWellFormed(),
    })),
  };
};

const textOf = (turn: Turn | undefined): string =>
  (turn?.reply.content ?? [])
    .flatMap((block) => (block.type === "text" ? [String(block.text)] : []))
    .join("\n");

const HEADINGS = {
  goal: "goal",
  done: "done",
  evidence: "evidence",
  "open problems": "problems",
  files: "files",
} as const;

const HEADING = /^[ \t]*(?:#{1,6}[ \t]*|\*\*)(goal|done|evidence|open problems|files)\b[*:]*/gim;

/** What a reply says under the headings it was asked for, each bounded; undefined where none of it is there. */
const sectionsOf = (reply: string): HandoffBrief["told"] => {
  const text = safeText(reply);
  const found = [...text.matchAll(HEADING)];
  const sections = found.flatMap((match, i): [string, string][] => {
    const name = HEADINGS[match[1]?.toLowerCase() as keyof typeof HEADINGS];
    const body = text.slice(match.index + match[0].length, found[i + 1]?.index);
    const said = body.trim().slice(0, SECTION_CHARS).toWellFormed();
    return said === "" ? [] : [[name, said]];
  });
  return sections.length === 0 ? undefined : Object.fromEntries(sections);
};
