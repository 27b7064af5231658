import { createHash } from "node:crypto";
import { type AgentClaim, type AgentDefinition, type Ask, Inbox, runAgent } from "@headrace/agent";
import {
  type Brief,
  type Guidance,
  HostileTreeError,
  type ModelReply,
  type ModelRequest,
  NO_USAGE,
  type RecordPart,
  type Sandbox,
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
  files?: Readonly<Record<string, string>>;
  guidance?: Guidance[];
  /** a turn the model does not answer, and what is said instead */
  instead?: Partial<Record<number, Awaited<ReturnType<Ask>>>>;
};

const CLOCK = {
  now: () => new Date("2026-01-01T00:00:00Z"),
  sleep: () => Promise.resolve(),
  random: () => 0.5,
  id: () => "id",
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
  const requests: ModelRequest[] = [];
  const events: WorkerEvent[] = [];
  const blobs = new Map<string, Uint8Array>();
  const packs: string[] = [];
  const opened: Sandbox[] = [];
  let epoch = 0;
  let cutAfter = Number.POSITIVE_INFINITY;
  let refuse: string[] = [];
  const inbox = new Inbox();

  const append = async (part: RecordPart) => {
    // through JSON, as it is stored
    records.push(JSON.parse(JSON.stringify(part)));
    if (records.length >= cutAfter) throw new Cut(`after ${records.length} parts`);
  };
  const ask: Ask = async ({ request, turn }) => {
    requests.push(structuredClone(request));
    const instead = options.instead?.[turn];
    if (instead !== undefined) return instead;
    const scripted = script[turn - 1];
    if (scripted === undefined) throw new Error(`the script has no turn ${turn}`);
    const reply: ModelReply = {
      id: `msg-${turn}`,
      model: "scripted",
      stopReason: "tool_use",
      usage: { ...NO_USAGE, output: 10 },
      ...(Array.isArray(scripted) ? { content: scripted } : { content: [], ...scripted }),
    };
    await append({ kind: "reply", turn, reply });
    return { kind: "reply", reply };
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
    routes: { [definition.role]: "scripted" },
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
      if (refuse.length > 0) throw new HostileTreeError(refuse);
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
    events,
    packs,
    inbox,
    /** Claims the step and runs it; with `cutAfter` the worker dies once so many parts are stored. */
    run: (how: { cutAfter?: number } = {}) => {
      cutAfter = how.cutAfter ?? Number.POSITIVE_INFINITY;
      return runAgent({
        definition,
        claim: claim(),
        openSandbox: async () => {
          const sandbox = await folderSandbox();
          opened.push(sandbox);
          return sandbox;
        },
        changed: async (snapshot) =>
          git(repo.path, "rev-parse", `${snapshot}^{tree}`) !==
          git(repo.path, "rev-parse", `${base}^{tree}`),
        ask,
        api,
        clock: CLOCK,
        inbox,
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
