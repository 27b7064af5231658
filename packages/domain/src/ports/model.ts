import type { ModelReply } from "../transcript.ts";

/** A request in the Messages API's own shape, less what the client adds (stream, metadata). */
export type ModelRequest = {
  model: string;
  maxTokens: number;
  system: ReadonlyArray<Record<string, unknown>>;
  tools: ReadonlyArray<Record<string, unknown>>;
  messages: ReadonlyArray<{
    role: "user" | "assistant";
    content: ReadonlyArray<Record<string, unknown>>;
  }>;
  /** `hr1.<run>.<task, plan or end>.<role>.<attempt>.<conversation>` */
  userId: string;
};

/** stack.md §8.3; `refusal` and `soft` are replies, not failures. */
export type FailureClass =
  | "invalid"
  | "context"
  | "auth"
  | "credit"
  | "gone"
  | "rate"
  | "overload"
  | "server"
  | "network";

/** A call that produced no complete reply. `seen` is a lower bound of what the provider billed. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";
  readonly class: FailureClass;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** bytes of the reply had arrived: the provider may bill it */
  readonly started: boolean;
  constructor(
    message: string,
    facts: { class: FailureClass; status?: number; retryAfterMs?: number; started: boolean },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.class = facts.class;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.started = facts.started;
  }
}

/** One provider endpoint. No retries inside: the caller is the only retry loop. */
export interface ModelClient {
  /** Streams; resolves with the whole reply or throws `ModelFailure`. */
  complete(request: ModelRequest, signal?: AbortSignal): Promise<ModelReply>;
  /** Free; input tokens the request would be billed for. */
  countTokens(request: ModelRequest, signal?: AbortSignal): Promise<number>;
  /** Free and authenticated: checks the key. */
  listModels(signal?: AbortSignal): Promise<string[]>;
}
