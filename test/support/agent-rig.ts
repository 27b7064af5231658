import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AgentClaim, type AgentDefinition, type Ask, Inbox, runAgent } from "@headrace/agent";
import {
  type Brief,
  type Candidate,
  type Guidance,
  HostileTreeError,
  InfrastructureError,
  type ModelClient,
  type ModelReply,
  type ModelRequest,
  NO_USAGE,
  type RecordPart,
  type Sandbox,
  type StepInputOf,
  type WorkerEvent,
} from "@headrace/domain";
import { folderSandbox } from "./folder-sandbox.ts";
import { commitFiles, git, gitBytes, packFrom, tempRepo } from "./git.ts";

/** A model's turn: the blocks it sends, or a whole reply where more than they matter. */
type Scripted = Array<Record<string, unknown> & { type: string }> | Partial<ModelReply>;

/** A tool call of a scripted reply; ids are unique in a script. */
export const call = (name: string, input: unknown, id = `${name}-${calls++}`) => ({
  type: "tool_use" as const,
  id,
  name,
  input,
});
let calls = 0;
export const say = (text: string) => ({ type: "text" as const, text });

/** The worker was killed here. */
export class Cut extends Error {}

export type RigOptions = {
  definition: AgentDefinition;
  brief: Brief;
  /** what the model says in turn 1, 2, ... */
  script: readonly Scripted[];
  /** a model that is asked over the wire, in place of the script */
  client?: Pick<ModelClient, "complete">;
  files?: Readonly<Record<string, string>>;
  guidance?: Guidance[];
  /** a turn the model does not answer, and what is said instead */
  instead?: Partial<Record<number, Awaited<ReturnType<Ask>>>>;
  /** who answers, where that matters */
  candidate?: Partial<Candidate>;
  /** what a budget is told with each of these turns' replies */
  wrapUp?: Partial<Record<number, string>>;
  /** of the step, where it is not a first conversation */
  input?: Partial<StepInputOf<"agent">>;
  /** what each of these takes by the clock, which stands still otherwise */
  takes?: { openingMs?: number; waitingMs?: number; replyMs?: number };
  /** whether a reply comes before the workspace's saving that began beside it is over; after it unless said */
  hasty?: boolean;
};

/** A request as the model was asked, less who was chosen to answer it. */
type Asking = Parameters<Ask>[0]["request"] & { maxOutput: number };

/** A command that ends the sandbox it runs in, as an agent can that kills its supervisor. */
export const BREAK = "break the sandbox";
/** The same, only of a sandbox that is not the first. */
export const BREAK_NEXT = "break the next one";

const START = Date.parse("2026-01-01T00:00:00Z");
const CLOCK = {
  sleep: () => Promise.resolve(),
  random: () => 0.5,
  id: () => "id",
};

/** The sandbox, lost for good by a command that breaks it; `begin` is told of a snapshot, and told if it fails. */
const breakable = (
  sandbox: Sandbox,
  breaking: readonly string[],
  begin: () => PromiseWithResolvers<void>,
): Sandbox => {
  let broken = false;
  const whole = async <T>(work: () => Promise<T>): Promise<T> => {
    if (broken) throw new InfrastructureError("the sandbox was lost: its stream ended");
    return work();
  };
  return {
    id: sandbox.id,
    checkout: (pack, commit) => whole(() => sandbox.checkout(pack, commit)),
    exec: (command, options) =>
      whole(() => {
        broken ||= breaking.some((text) => command.includes(text));
        return whole(() => sandbox.exec(command, options));
      }),
    read: (path, maxBytes) => whole(() => sandbox.read(path, maxBytes)),
    write: (path, bytes) => whole(() => sandbox.write(path, bytes)),
    snapshot(parent) {
      const { resolve } = begin();
      return whole(() => sandbox.snapshot(parent)).catch((error: unknown) => {
        resolve();
        throw error;
      });
    },
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
};

const scriptedReply = (script: RigOptions["script"], turn: number): ModelReply => {
  const scripted = script[turn - 1];
  if (scripted === undefined) throw new Error(`the script has no turn ${turn}`);
  return {
    id: `msg-${turn}`,
    model: "scripted",
    stopReason: "tool_use",
    usage: { ...NO_USAGE, output: 10 },
    ...(Array.isArray(scripted) ? { content: scripted } : { content: [], ...scripted }),
  };
};

/**
 * One agent's step with a real loop, a real folder and a real repository behind it: the model is a list of replies,
 * the control plane a list of parts. `run` may be called again: then it is the next claim of the same step.
 */
export const agentRig = async (options: RigOptions) => {
  const { definition, brief, script, files = { "readme.md": "hello\n" }, guidance = [] } = options;
  const repo = await tempRepo();
  const base = await commitFiles(repo.path, files);
  const records: RecordPart[] = [];
  const requests: Asking[] = [];
  const billed: Array<Parameters<Ask>[0]["billed"]> = [];
  const candidate: Candidate = {
    ...{ provider: "anthropic", model: "scripted", pool: "default", window: 200_000 },
    ...{ capabilities: [], ...options.candidate },
  };
  const events: WorkerEvent[] = [];
  const blobs = new Map<string, Uint8Array>();
  const packs: string[] = [];
  const opened: Sandbox[] = [];
  /** the saving under way, which its last step resolves however it comes out */
  let saving = Promise.withResolvers<void>();
  saving.resolve();
  let epoch = 0;
  let cutAfter = Number.POSITIVE_INFINITY;
  let refuse: string[] = [];
  const inbox = new Inbox();
  let passedMs = 0;
  const clock = { ...CLOCK, now: () => new Date(START + passedMs) };

  const append = async (part: RecordPart) => {
    // through JSON, as it is stored
    records.push(JSON.parse(JSON.stringify(part)));
    if (part.kind === "snapshot") saving.resolve();
    if (records.length >= cutAfter) throw new Cut(`after ${records.length} parts`);
  };
  const ask: Ask = async ({ request, maxOutput, turn, billed: before }) => {
    requests.push(structuredClone({ ...request, maxOutput }));
    billed.push(before);
    const { waitingMs: waitedMs = 0, replyMs = 0 } = options.takes ?? {};
    passedMs += waitedMs + replyMs;
    const instead = options.instead?.[turn];
    if (instead !== undefined) return instead;
    if (!options.hasty) await saving.promise;
    const sent: ModelRequest = { ...request, model: candidate.model, maxTokens: maxOutput };
    const reply = (await options.client?.complete(sent))?.reply ?? scriptedReply(script, turn);
    await append({ kind: "reply", turn, reply });
    const wrapUp = options.wrapUp?.[turn];
    const told = wrapUp === undefined ? {} : { wrapUp };
    return { kind: "reply", reply, candidate, waitedMs, ...told };
  };
  const claim = (): AgentClaim => ({
    fence: { run: "r1", step: "r1-t1-code-1", epoch: ++epoch },
    until: "2026-01-01T01:00:00Z",
    subject: "t1",
    task: "t1",
    attempt: 1,
    input: {
      kind: "agent",
      role: definition.role,
      commit: base,
      attempt: 1,
      conversation: 1,
      brief,
      ...options.input,
    },
    base,
    policy: {
      gates: [],
      setup: [],
      protected: [],
      env: {},
      limits: { memoryMb: 512, cpus: 1, pids: 64, diskMb: 1024, inodes: 100_000 },
      tools: [],
      services: [],
      network: { setup: [], research: [] },
      isolation: { runtime: "default", userns: "any" },
      from: { gates: "none", setup: "none" },
    },
    policyHash: "0".repeat(64),
    guidance,
    model: { kind: "provider" },
    records: structuredClone(records),
  });
  const api = {
    appendRecord: (_fence: unknown, part: RecordPart) => append(part),
    async putBlob(_fence: unknown, bytes: Uint8Array) {
      const id = createHash("sha256").update(bytes).digest("hex");
      blobs.set(id, bytes);
      return id;
    },
    getBlob: async (_fence: unknown, id: string) => blobs.get(id),
    getPack: async (_fence: unknown, commit: string) => packFrom(repo.path, commit),
    async putPack(_fence: unknown, pack: Uint8Array, commit: string) {
      // a reply that is there at once is committed meanwhile
      if (options.hasty) await sleep(5);
      if (refuse.length > 0) {
        saving.resolve();
        throw new HostileTreeError(refuse);
      }
      gitBytes(repo.path, ["index-pack", "--stdin", "--fix-thin"], pack);
      packs.push(commit);
    },
    report: async (_fence: unknown, event: WorkerEvent) => {
      events.push(event);
    },
  };
  return {
    base,
    records,
    requests,
    /** by request, what it was told that the one before it was billed for */
    billed,
    events,
    packs,
    opened,
    inbox,
    /** Claims the step and runs it; with `cutAfter` the worker dies once so many parts are stored. */
    run: (how: { cutAfter?: number; inbox?: Inbox } = {}) => {
      cutAfter = how.cutAfter ?? Number.POSITIVE_INFINITY;
      return runAgent({
        definition,
        claim: claim(),
        openSandbox: async () => {
          passedMs += options.takes?.openingMs ?? 0;
          const breaking = [BREAK, ...(opened.length > 0 ? [BREAK_NEXT] : [])];
          const sandbox = breakable(await folderSandbox(), breaking, () => {
            saving = Promise.withResolvers();
            return saving;
          });
          opened.push(sandbox);
          return sandbox;
        },
        changed: async (snapshot) =>
          git(repo.path, "rev-parse", `${snapshot}^{tree}`) !==
          git(repo.path, "rev-parse", `${base}^{tree}`),
        ask,
        api,
        clock,
        inbox: how.inbox ?? inbox,
      });
    },
    /** From now on the control plane refuses every tree with these problems. */
    refuse: (problems: string[]) => {
      refuse = problems;
    },
    /** A file of a commit the control plane holds. */
    fileOf: (commit: string, path: string) => git(repo.path, "show", `${commit}:${path}`),
    [Symbol.asyncDispose]: () => repo[Symbol.asyncDispose](),
  };
};
