import type { FailureFacts, SeenUsage } from "../failure.ts";
import type { Pico } from "../money.ts";
import type { RateFacts } from "../rate.ts";
import type { Effort } from "../route.ts";
import type { ModelReply } from "../transcript.ts";

/** A request in the Messages API's own shape, less what the client adds (stream, metadata). */
export type ModelRequest = {
  model: string;
  maxTokens: number;
  effort?: Effort;
  system: ReadonlyArray<Record<string, unknown>>;
  tools: ReadonlyArray<Record<string, unknown>>;
  messages: ReadonlyArray<{
    role: "user" | "assistant";
    content: ReadonlyArray<Record<string, unknown>>;
  }>;
  /** `hr1.<run>.<task, plan or end>.<role>.<attempt>.<conversation>` */
  userId: string;
};

/** A call that produced no usable reply. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";
  readonly facts: FailureFacts;
  /** the provider may bill it: bytes of the reply had arrived, or we hung up on it */
  readonly billed: boolean;
  readonly seen: SeenUsage | undefined;
  constructor(
    facts: FailureFacts,
    billing: { billed: boolean; seen?: SeenUsage },
    options?: ErrorOptions,
  ) {
    super(facts.reason, options);
    this.facts = facts;
    this.billed = billing.billed;
    this.seen = billing.seen;
  }
}

/** A reply with what its transport told. */
export type Answer = {
  reply: ModelReply;
  rate?: RateFacts;
  /** what the provider itself says the call cost, where it says so */
  reportedCost?: Pico;
};

/** One provider endpoint. No retries inside: the router is the only retry loop. */
export interface ModelClient {
  /** Streams; resolves with the whole reply or throws `ModelFailure`. `onFirstByte`: the reply's body has begun. */
  complete(
    request: ModelRequest,
    options?: { signal?: AbortSignal; onFirstByte?: () => void },
  ): Promise<Answer>;
  /** Free; input tokens the request would be billed for. */
  countTokens(request: ModelRequest, signal?: AbortSignal): Promise<number>;
  /** Free and authenticated: checks the key. */
  listModels(signal?: AbortSignal): Promise<string[]>;
}

/** The endpoints of one run's calls by provider; throws `UserError` for one that is not configured. */
export type ModelClients = (provider: string) => Promise<ModelClient>;
