import { ApiError } from "./api-error.ts";
import {
  type Broken,
  defaultStopReason,
  type Player,
  type Question,
  type Reply,
  toolUseId,
} from "./reply.ts";
import { type Conversation, conversationKey, type Script, type Turn } from "./script-file.ts";
import { newestUserText } from "./wire.ts";

const NEAREST = 3;
const EXCERPT = 600;

/** The entries that agree in most fields, those of the task first. */
const nearest = (script: Script, { userId }: Question): Conversation[] => {
  const score = (entry: Conversation): number =>
    (entry.task === userId.subject ? 4 : 0) +
    (entry.role === userId.role ? 2 : 0) +
    (entry.attempt === userId.attempt ? 1 : 0);
  return script.conversations.toSorted((a, b) => score(b) - score(a)).slice(0, NEAREST);
};

const asked = ({ userId, turn }: Question): string =>
  `${conversationKey({ ...userId, task: userId.subject })}, turn ${turn}`;

const excerpt = (text: string): string =>
  text.length <= EXCERPT ? text : `${text.slice(0, EXCERPT)} ... (${text.length} characters)`;

const unmatched = (script: Script, question: Question): ApiError => {
  const entries = nearest(script, question).map(
    (entry) => `  ${conversationKey(entry)} (turns: ${entry.turns.length})`,
  );
  return new ApiError(
    400,
    [
      `the script has no reply for ${asked(question)}. Nearest entries:`,
      ...entries,
      `The newest user message: ${excerpt(newestUserText(question.request))}`,
    ].join("\n"),
  );
};

const checkEvidence = (turn: Turn, question: Question): void => {
  const text = newestUserText(question.request);
  const missing = turn.contains.find((part) => !text.includes(part));
  if (missing !== undefined)
    throw new ApiError(
      400,
      `${asked(question)}: the script expects the newest user message to contain ${JSON.stringify(missing)}, but it says: ${excerpt(text)}`,
    );
};

const breakAt = (point: Turn["cut"]): Broken["after"] =>
  typeof point === "number" ? point : { share: 0.5 };

/** What goes wrong, in this order: the errors, a cut, a silence. */
const troublesOf = ({ error, cut, stall }: Turn): (ApiError | Broken)[] => {
  const told = error && new ApiError(error.status, error.message, error);
  const first = told && (error?.after === undefined ? told : { how: told, after: error.after });
  return [
    ...(first === undefined ? [] : Array.from({ length: error?.times ?? 1 }, () => first)),
    ...(cut === false ? [] : [{ how: "cut" as const, after: breakAt(cut) }]),
    ...(stall === false ? [] : [{ how: "stall" as const, after: breakAt(stall) }]),
  ];
};

const replyOf = (turn: Turn, question: Question, broken: Broken | undefined): Reply => {
  const content: Reply["content"] = [
    ...(turn.text === undefined ? [] : [{ type: "text" as const, text: turn.text }]),
    ...turn.calls.map(({ name, input }, i) => ({
      type: "tool_use" as const,
      id: toolUseId(question, i),
      name,
      input,
    })),
  ];
  return {
    content,
    stopReason: turn.stop ?? defaultStopReason(content),
    firstByteMs: turn.firstByteMs,
    delayMs: turn.delayMs,
    broken,
    usage: turn.usage,
  };
};

/**
 * Plays a script. The same question always gets the same reply; only what goes wrong is counted, per conversation of a
 * run and turn, and gives way to the reply when it is used up.
 */
export const createScriptPlayer = (script: Script): Player => {
  const byKey = new Map(script.conversations.map((entry) => [conversationKey(entry), entry]));
  const seen = new Map<string, number>();
  const troublesBefore = ({ user, turn }: Question): number => {
    const key = `${user} ${turn}`;
    const before = seen.get(key) ?? 0;
    seen.set(key, before + 1);
    return before;
  };
  return {
    play: async (question) => {
      const { userId } = question;
      const entry = byKey.get(conversationKey({ ...userId, task: userId.subject }));
      const turn = entry?.turns[question.turn - 1];
      if (turn === undefined) throw unmatched(script, question);
      checkEvidence(turn, question);
      const troubles = troublesOf(turn);
      const only = turn.text === undefined && turn.calls.length === 0;
      const trouble = only ? troubles[0] : troubles[troublesBefore(question)];
      if (trouble instanceof ApiError) throw trouble;
      return replyOf(turn, question, trouble);
    },
  };
};
