import {
  type ModelReply,
  type ModelRequest,
  type RecordPart,
  ReplyBlock,
  type ToolResult,
  type ToolUse,
  toolUses,
} from "@headrace/domain";

type Message = ModelRequest["messages"][number];
type Block = Message["content"][number];

/** One reply and what was done about it. */
export type Turn = {
  n: number;
  reply: ModelReply;
  uses: ToolUse[];
  /** by tool use id */
  results: Map<string, ToolResult>;
  /** notes to the model after this turn, in order */
  notes: string[];
};

export type Snapshot = { turn: number; commit: string };

/**
 * The conversation, as a fold over its record: live and resumed runs build the same bytes from the same parts,
 * and a new part only ever adds to the end.
 */
export class Transcript {
  readonly turns: Turn[] = [];
  /** seqs of the person's words that were told in it */
  readonly steers = new Set<number>();
  /** notes that came before the first reply */
  readonly #early: string[] = [];
  #snapshot: Snapshot | undefined;
  #parts = 0;

  constructor(parts: readonly RecordPart[]) {
    for (const part of parts) this.add(part);
  }

  /** How many parts it was folded from. */
  get parts(): number {
    return this.#parts;
  }

  get last(): Turn | undefined {
    return this.turns.at(-1);
  }

  /** The newest saved state of the workspace. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Notes that will stand at the end of the next request. */
  get notes(): readonly string[] {
    return this.last?.notes ?? this.#early;
  }

  /** Whether a note stands anywhere in it. */
  tells(note: string): boolean {
    return this.#early.includes(note) || this.turns.some(({ notes }) => notes.includes(note));
  }

  add(part: RecordPart): void {
    this.#parts += 1;
    switch (part.kind) {
      case "reply": {
        const uses = toolUses(part.reply);
        this.#expect(part.turn, this.turns.length + 1);
        this.turns.push({ n: part.turn, reply: part.reply, uses, results: new Map(), notes: [] });
        return;
      }
      case "tool":
        this.#turn(part.turn).results.set(part.result.toolUseId, part.result);
        return;
      case "snapshot":
        this.#snapshot = { turn: part.turn, commit: part.commit };
        return;
      case "note":
        (part.turn === 0 ? this.#early : this.#turn(part.turn).notes).push(part.text);
        if (part.steer !== undefined) this.steers.add(part.steer);
        return;
    }
  }

  /** `opening`: the blocks of the first message. */
  messages(opening: readonly string[]): Message[] {
    const first: Message = { role: "user", content: [...opening, ...this.#early].map(text) };
    const rest = this.turns.flatMap((turn): Message[] => [
      { role: "assistant", content: assistant(turn.reply) },
      { role: "user", content: [...results(turn), ...turn.notes.map(text)] },
    ]);
    return [first, ...rest];
  }

  #turn(n: number): Turn {
    const turn = this.turns[n - 1];
    if (turn === undefined)
      throw new Error(`a record of turn ${n} precedes the reply of that turn`);
    return turn;
  }

  #expect(turn: number, expected: number): void {
    if (turn !== expected) throw new Error(`reply of turn ${turn} recorded, expected ${expected}`);
  }
}

const text = (content: string): Block => ({ type: "text", text: content });

/**
 * A reply as the API takes it back: blank text, which it refuses, is left out, and an input that is no object is
 * replaced. Parsing drops what the schema does not name, so that a stored reply and a live one are the same bytes.
 */
const assistant = (reply: ModelReply): Block[] => {
  const blocks = reply.content
    .map((raw): Block => {
      const block = ReplyBlock.parse(raw);
      return block.type === "tool_use" && "input" in block && !isObject(block.input)
        ? { ...block, input: {} }
        : block;
    })
    .filter((block) => block.type !== "text" || String(block.text).trim() !== "");
  return blocks.length === 0 ? [text("(empty reply)")] : blocks;
};

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const results = (turn: Turn): Block[] =>
  turn.uses.flatMap((use) => {
    const result = turn.results.get(use.id);
    if (result === undefined) return [];
    return [
      {
        type: "tool_result",
        tool_use_id: use.id,
        content: result.content,
        ...(result.isError ? { is_error: true } : {}),
      },
    ];
  });
