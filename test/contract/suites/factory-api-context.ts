import { createHash } from "node:crypto";
import {
  type CallGrant,
  type CallRequest,
  type CallRow,
  type Claim,
  type DemandRow,
  type FactoryApi,
  type FactoryControl,
  type FailureClass,
  type FailureFacts,
  type Fence,
  type ModelReply,
  NO_USAGE,
  type RunState,
  type SeenUsage,
  type SentSettlement,
  type StepInput,
  type StoredEvent,
  type TokenUsage,
  type TryRow,
} from "@headrace/domain";
import { afterEach, beforeEach } from "vitest";
import type { ControlRigOptions } from "../../support/control-rig.ts";

export type ApiFixture = AsyncDisposable & {
  api: FactoryApi;
  /** a run under way with a budget of one dollar and a task `t1`; its routes are those of the rig */
  run: string;
  base: string;
  /** Asks for a step of task t1, attempt 1; answers its id. */
  request(name: string, input: StepInput): Promise<string>;
  /** A claim of such a step in another run, which has the same budget. */
  elsewhere(input: StepInput): Promise<Fence>;
  /** A commit on the base that holds one more file, as a worker's sandbox would hand it in. */
  commit(path: string): Promise<{ pack: Uint8Array; commit: string }>;
  /** A commit whose tree must not come in. */
  hostile(): Promise<{ pack: Uint8Array; commit: string }>;
  /** Lets time pass. */
  advance(ms: number): void;
  now(): Date;
  commands: Pick<FactoryControl, "raiseBudget" | "raiseTokens" | "resume" | "steer">;
  /** The same of the factory's next process, with these provider settings. */
  successor(settings?: string): FactoryApi;
  pause(): Promise<void>;
  state(): Promise<RunState>;
  events(): Promise<StoredEvent[]>;
  calls(): Promise<CallRow[]>;
  exhaust(): Promise<{ tries: TryRow[]; demand: DemandRow[] }>;
};

export type MakeApi = (options?: ControlRigOptions) => Promise<ApiFixture>;

export const SONNET = "anthropic/claude-sonnet-5";
export const HAIKU = "other/claude-haiku-4-5";
export const BEYOND_LEASE_MS = 10 * 60_000;

let asks = 0;

/** A call of which 1,000 tokens of input and 16,000 of output are a quarter of the budget; each is an ask of its own. */
export const callFor = (over: Partial<CallRequest> = {}): CallRequest => {
  asks += 1;
  const ask = `ask-${asks}`;
  const prefix = createHash("sha256").update(ask).digest("hex");
  const counted = [SONNET, HAIKU].map((candidate) => ({
    candidate,
    tokens: 1_000,
    count: 1_000,
  }));
  return {
    ...{ role: "coder", turn: 1, ask, inputBound: 10_000, counted, maxOutput: 16_000, prefix },
    ...over,
  };
};

export const reply = (usage: Partial<TokenUsage> = { input: 1_000, output: 100 }): ModelReply => ({
  id: "msg_1",
  model: "claude-sonnet-5",
  stopReason: "end_turn",
  content: [{ type: "text", text: "done" }],
  usage: { ...NO_USAGE, ...usage },
});

export const replied = (usage?: Partial<TokenUsage>, turn = 1): SentSettlement => ({
  ...{ kind: "reply", turn, reply: reply(usage), durationMs: 12 },
});

export const failed = (
  kind: FailureClass,
  over: Partial<FailureFacts> & { billed?: boolean; seen?: SeenUsage } = {},
): SentSettlement => {
  const { billed = false, seen, ...facts } = over;
  const failure: FailureFacts = { class: kind, reason: `it is ${kind}`, ...facts };
  return { ...{ kind: "failed", failure, billed, durationMs: 7 }, ...(seen ? { seen } : {}) };
};

/** A fixture for each test, and what tests do with it. */
export const apiContext = (make: MakeApi, options?: ControlRigOptions) => {
  let fixture: ApiFixture;
  beforeEach(async () => {
    fixture = await make(options);
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const agent = (over: Record<string, unknown> = {}): StepInput => ({
    kind: "agent",
    role: "coder",
    commit: fixture.base,
    attempt: 1,
    conversation: 1,
    brief: {},
    ...over,
  });
  const claimed = async (step: string, worker = "w1"): Promise<Claim> => {
    const answer = await fixture.api.claim(fixture.run, step, worker);
    if (answer.kind !== "claimed") throw new Error(`${step} was not claimed: ${answer.kind}`);
    return answer.claim;
  };
  return {
    get fixture() {
      return fixture;
    },
    get api() {
      return fixture.api;
    },
    agent,
    claimed,
    /** A claim of a new step. */
    working: async (input = agent(), name = "code-1"): Promise<Claim> =>
      claimed(await fixture.request(name, input)),
    granted: async (fence: Fence, call = callFor()) => {
      const grant: CallGrant = await fixture.api.reserve(fence, call);
      if (grant.kind !== "granted") throw new Error(`not granted: ${JSON.stringify(grant)}`);
      return grant;
    },
    spent: async () => (await fixture.state()).run.spent,
    told: async <T extends StoredEvent["type"]>(type: T) =>
      (await fixture.events()).filter((event) => event.type === type),
  };
};
