import type {
  AgentEnd,
  AskResult,
  Candidate,
  Claim,
  Clock,
  FactoryApi,
  Fence,
  ModelRequest,
  RecordPart,
  Role,
  Sandbox,
  SandboxLimitError,
  StepInputOf,
} from "@headrace/domain";
import type { AgentDefinition, AgentJob, Workspace } from "./define.ts";
import { handedOnText } from "./handed-on.ts";
import type { Inbox, Note } from "./inbox.ts";
import { instructionsOf } from "./instructions.ts";
import { guarded } from "./lost.ts";
import { type Blocks, blocksOf } from "./prefix.ts";
import { decode } from "./text.ts";
import type { ToolContext } from "./tool.ts";
import { MAX_FILE_BYTES } from "./tools/files.ts";
import { Transcript } from "./transcript.ts";

/** A request less what the choice of a model decides. */
export type Asked = Omit<ModelRequest, "model" | "effort" | "maxTokens">;

export type Ask = (call: {
  fence: Fence;
  role: Role;
  request: Asked;
  /** output tokens of the reply, at most */
  maxOutput: number;
  turn: number;
  /** what the call before was billed for, by which candidate: its messages are the first of this one's */
  billed?: { candidate: string; tokens: number; messages: number };
  signal: AbortSignal;
  /** what is to end is not waited for; a call under way is ended by `signal` alone */
  work: AbortSignal;
}) => Promise<AskResult>;

export type AgentClaim = Omit<Claim, "input"> & { input: StepInputOf<"agent"> };

export type AgentOptions = {
  definition: AgentDefinition;
  claim: AgentClaim;
  /** a fresh, empty sandbox of the environment; the loop closes it */
  openSandbox(signal: AbortSignal): Promise<Sandbox>;
  /** whether a snapshot's tree differs from that of the step's commit */
  changed(snapshot: string): Promise<boolean>;
  ask: Ask;
  api: Pick<FactoryApi, "appendRecord" | "putBlob" | "getBlob" | "getPack" | "putPack" | "report">;
  clock: Clock;
  inbox: Inbox;
};

/** How one claim of an agent's step came out; only `ended` ends the step. A request that nobody takes is a limit. */
export type AgentRun =
  | { kind: "ended"; end: AgentEnd }
  | Exclude<AskResult, { kind: "reply" | "context" | "invalid" }>
  | { kind: "stopped"; reason: string };

/** One claim's conversation, its workspace and its record. */
export class Session implements AsyncDisposable {
  readonly options: AgentOptions;
  readonly job: AgentJob;
  readonly transcript: Transcript;
  /** who gave the last reply of this claim: records do not hold it */
  candidate: Candidate | undefined;
  /** the last prompt of the conversation, which the next has to begin with */
  sent: Blocks;
  readonly #startedMs: number;
  /** what of the time since was spent waiting for sandboxes and models, whose turn may come late */
  #waitedMs = 0;
  #sandbox: Sandbox | undefined;
  #saving: Promise<readonly string[]> | undefined;

  constructor(options: AgentOptions) {
    const { definition, claim, clock } = options;
    this.options = options;
    const { brief, handoff } = claim.input;
    const { opening, terminal } = definition.open(brief, claim.guidance);
    // a block of its own, so that those before it are still in the cache
    const handed = handoff === undefined ? [] : [handedOnText(handoff)];
    this.job = { opening: [...opening, ...handed], terminal };
    this.transcript = new Transcript(claim.records);
    this.sent = this.#sentBefore();
    this.#startedMs = clock.now().getTime();
  }

  /**
   * The last prompt of an earlier claim, made again from its record. So it shows what has come between its blocks since;
   * that its worker told the model of the role in other words, the record does not hold.
   */
  #sentBefore(): Blocks {
    const { records } = this.options.claim;
    const replied = records.findLastIndex((part) => part.kind === "reply");
    if (replied < 0) return [];
    const messages = new Transcript(records.slice(0, replied)).messages(this.job.opening);
    return blocksOf({ ...this.instructions, messages });
  }

  /** Opens an empty sandbox in the place of the one before, if there was one. */
  async openSandbox(): Promise<void> {
    await this.#close();
    const before = this.elapsedMs;
    this.#sandbox = guarded(await this.options.openSandbox(this.options.inbox.signal));
    this.waited(this.elapsedMs - before);
  }

  /** So many milliseconds of this claim were not the agent's own time. */
  waited(ms: number): void {
    this.#waitedMs += ms;
  }

  get sandbox(): Sandbox {
    if (this.#sandbox === undefined) throw new Error("no sandbox was opened");
    return this.#sandbox;
  }

  /** Lets a saving of the workspace go on beside what comes next; nothing may touch the sandbox until `saved`. */
  saveBeside(saving: Promise<readonly string[]>): void {
    // it may fail while the model answers: whoever waits for it is told
    saving.catch(() => {});
    this.#saving = saving;
  }

  /** How the saving under way came out: why the tree was refused. Undefined when there is none. */
  async saved(): Promise<readonly string[] | undefined> {
    const saving = this.#saving;
    this.#saving = undefined;
    return saving;
  }

  get context(): ToolContext {
    return { sandbox: this.sandbox, signal: this.options.inbox.signal };
  }

  get toolbox() {
    return { tools: this.options.definition.tools, terminal: this.job.terminal };
  }

  get instructions(): Pick<ModelRequest, "system" | "tools"> {
    return instructionsOf(this.options.definition, this.job.terminal);
  }

  /** The agent's own time. */
  get elapsedMs(): number {
    return this.options.clock.now().getTime() - this.#startedMs - this.#waitedMs;
  }

  /** The workspace as a submission's checks see it. */
  get workspace(): Workspace {
    return {
      read: async (path) => {
        const file = await this.sandbox.read(path, MAX_FILE_BYTES);
        return file && decode(file.bytes);
      },
      changed: async () => {
        const { snapshot } = this.transcript;
        // what conversations before this one did is the job's as well
        if ((this.options.claim.input.handoff?.changed ?? []).length > 0) return true;
        return snapshot !== undefined && (await this.options.changed(snapshot.commit));
      },
    };
  }

  /** The job's end, with the last saved state of the workspace where that is the role's result. */
  async ended(end: AgentEnd): Promise<AgentRun> {
    const { definition, claim } = this.options;
    await this.saved();
    if (!definition.snapshots) return { kind: "ended", end };
    const snapshot = this.transcript.snapshot?.commit ?? claim.input.commit;
    return { kind: "ended", end: { ...end, snapshot } };
  }

  /** The end of a job whose sandbox was ended for what it wrote to its disk. */
  async outgrown({ limit, message }: SandboxLimitError): Promise<AgentRun> {
    await this.#close();
    return this.ended({ end: "limit", limit, detail: message });
  }

  /** Makes a part durable, then lets it count. */
  async record(part: RecordPart): Promise<void> {
    await this.options.api.appendRecord(this.options.claim.fence, part);
    this.transcript.add(part);
  }

  /** Adds a note to the end of the conversation, unless it stands there already. */
  async note(text: string): Promise<void> {
    if (this.transcript.notes.includes(text)) return;
    await this.record({ kind: "note", turn: this.transcript.turns.length, text });
  }

  /** Adds what came for the agent, once in a conversation: a person's words by their number, the rest as it reads. */
  async tell({ text, steer }: Note): Promise<void> {
    if (steer === undefined) return this.noteOnce(text);
    if (this.transcript.steers.has(steer)) return;
    await this.record({ kind: "note", turn: this.transcript.turns.length, text, steer });
  }

  /** Adds a note that a conversation gets at most once. */
  async noteOnce(text: string): Promise<void> {
    if (!this.transcript.tells(text)) await this.note(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // what was paid for is kept for the next claim, unless nobody may wait
    if (!this.options.inbox.callSignal.aborted) await this.saved().catch(() => {});
    await this.#close();
  }

  async #close(): Promise<void> {
    const sandbox = this.#sandbox;
    // once: a second failure to close it would take the place of what is wrong
    this.#sandbox = undefined;
    await sandbox?.[Symbol.asyncDispose]();
    // it has nothing left to wait for
    await this.saved().catch(() => {});
  }
}
