import type {
  AgentEnd,
  AskResult,
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
import { reportBlocked } from "./blocked.ts";
import type { AgentDefinition, AgentJob, Workspace } from "./define.ts";
import type { Inbox, Note } from "./inbox.ts";
import { guarded } from "./lost.ts";
import { decode } from "./text.ts";
import type { ToolContext } from "./tool.ts";
import { MAX_FILE_BYTES } from "./tools/files.ts";
import { Transcript } from "./transcript.ts";

export type Ask = (call: {
  fence: Fence;
  role: Role;
  request: ModelRequest;
  turn: number;
  /** what the call before was billed for: its messages, which are the first of this one's */
  billed?: { tokens: number; messages: number };
  signal: AbortSignal;
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

/**
 * How one claim of an agent's step came out; only `ended` ends the step. `invalid` is of the first request, before
 * the agent did anything: later ones grew too long for the model, and that is a limit.
 */
export type AgentRun =
  | { kind: "ended"; end: AgentEnd }
  | Exclude<AskResult, { kind: "reply" }>
  | { kind: "stopped"; reason: string };

/** One claim's conversation, its workspace and its record. */
export class Session implements AsyncDisposable {
  readonly options: AgentOptions;
  readonly job: AgentJob;
  readonly transcript: Transcript;
  readonly #startedMs: number;
  /** what of the time since was spent waiting for sandboxes, whose turn may come late */
  #waitedMs = 0;
  #sandbox: Sandbox | undefined;
  #saving: Promise<readonly string[]> | undefined;

  constructor(options: AgentOptions) {
    const { definition, claim, clock } = options;
    this.options = options;
    this.job = definition.open(claim.input.brief, claim.guidance);
    this.transcript = new Transcript(claim.records);
    this.#startedMs = clock.now().getTime();
  }

  /** Opens an empty sandbox in the place of the one before, if there was one. */
  async openSandbox(): Promise<void> {
    await this.#close();
    const before = this.elapsedMs;
    this.#sandbox = guarded(await this.options.openSandbox(this.options.inbox.signal));
    this.#waitedMs += this.elapsedMs - before;
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

  /** What the model is told of its role: the same in every turn of the job. */
  get instructions(): Pick<ModelRequest, "system" | "tools"> {
    const { prompt, tools } = this.options.definition;
    return {
      system: [{ type: "text", text: prompt }],
      tools: [...tools, this.job.terminal, reportBlocked].map(
        ({ name, description, input_schema }) => ({ name, description, input_schema }),
      ),
    };
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

  /** Adds what came for the agent: each of a person's words once in a conversation. */
  async tell({ text, steer }: Note): Promise<void> {
    if (steer === undefined) return this.note(text);
    if (this.transcript.steers.has(steer)) return;
    await this.record({ kind: "note", turn: this.transcript.turns.length, text, steer });
  }

  /** Adds a note that a conversation gets at most once. */
  async noteOnce(text: string): Promise<void> {
    if (this.transcript.turns.some((turn) => turn.notes.includes(text))) return;
    await this.note(text);
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
