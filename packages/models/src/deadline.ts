/** Bounds of one streamed call, in milliseconds. */
export type ModelTimeouts = {
  /** longest silence between two bytes */
  idleMs: number;
  totalMs: number;
};

export const MODEL_TIMEOUTS: ModelTimeouts = { idleMs: 120_000, totalMs: 20 * 60_000 };

/** How far a call had come when it failed. */
export type CallFacts = {
  /** the provider may bill it: its answer had begun, or we hung up on it */
  billed: boolean;
  /** why we hung up, if we did */
  hungUp?: string;
  /** we hung up because the caller was to stop */
  stopped?: true;
};

/**
 * The bounds of one streamed call: a total time, and the longest silence between two bytes of the reply. Every
 * byte counts, a keep-alive ping too, which the SDK hides; so they are watched on the wire.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #idleMs: number;
  readonly #total: NodeJS.Timeout;
  #idle: NodeJS.Timeout | undefined;
  /** aborts at a bound, or with the caller's signal */
  readonly signal: AbortSignal;
  #sent = false;
  #answered = false;
  /** of the answer, once it has come */
  headers: Headers | undefined;

  constructor({ idleMs, totalMs }: ModelTimeouts, caller?: AbortSignal) {
    const own = this.#controller.signal;
    this.signal = caller === undefined ? own : AbortSignal.any([own, caller]);
    this.#idleMs = idleMs;
    this.#total = setTimeout(() => this.#expire(`no complete reply within ${totalMs} ms`), totalMs);
    this.#heard();
  }

  /** Hanging up counts as billed: the provider may be at work although no byte has come. */
  get facts(): CallFacts {
    const { aborted, reason } = this.signal;
    if (!aborted) return { billed: this.#answered };
    const billed = this.#sent;
    return this.#controller.signal.aborted && reason instanceof Error
      ? { billed, hungUp: reason.message }
      : { billed, hungUp: "stopped", stopped: true };
  }

  /** `fetch` that reports the bytes of the answer here. */
  readonly fetch: typeof fetch = async (input, init) => {
    this.#sent = true;
    const response = await fetch(input, init);
    this.#heard();
    this.headers = response.headers;
    if (!response.ok || response.body === null) return response;
    this.#answered = true;
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        this.#heard();
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(watch), response);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#total);
    clearTimeout(this.#idle);
  }

  #heard(): void {
    clearTimeout(this.#idle);
    const { signal } = this.#controller;
    if (signal.aborted) return;
    this.#idle = setTimeout(() => this.#expire(`silent for ${this.#idleMs} ms`), this.#idleMs);
  }

  #expire(message: string): void {
    this[Symbol.dispose]();
    this.#controller.abort(new Error(message));
  }
}
