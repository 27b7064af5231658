import type { EgressRequest, NetworkPhase } from "@headrace/domain";

export type EgressLimits = {
  /** at once, and as many requests */
  connections: number;
  /** in a session's life; beyond it the session is over, since each is an event of the run */
  requests: number;
  /** bytes that the sandbox chooses: of a request to a registry its path and headers, of a tunnel all it sends */
  uploadBytes: number;
  requestUploadBytes: number;
  downloadBytes: number;
  requestDownloadBytes: number;
  /** for a request's head, a ClientHello or a body that is thrown away */
  headMs: number;
  connectMs: number;
  /** without a byte in either direction */
  idleMs: number;
};

export const LIMITS: EgressLimits = {
  connections: 128,
  requests: 20_000,
  uploadBytes: 16 * 2 ** 20,
  requestUploadBytes: 2 ** 20,
  downloadBytes: 4 * 2 ** 30,
  requestDownloadBytes: 2 * 2 ** 30,
  headMs: 30_000,
  connectMs: 15_000,
  idleMs: 120_000,
};

/** A coder's sandbox holds the repository: what it asks for may be chosen to carry that out, so it is less. */
const CODING_UPLOAD_BYTES = 2 * 2 ** 20;

export const limitsFor = (phase: NetworkPhase, limits: EgressLimits): EgressLimits =>
  phase === "coding"
    ? { ...limits, uploadBytes: Math.min(limits.uploadBytes, CODING_UPLOAD_BYTES) }
    : limits;

/** More bytes than a sandbox may send or get. */
export class ByteCapError extends Error {
  override readonly name = "ByteCapError";
}

/** What one session has used of its limits, and where its requests are told. */
export class Account {
  readonly #phase: NetworkPhase;
  readonly #limits: EgressLimits;
  readonly #tell: (request: EgressRequest) => void;
  #requests = 0;
  #up = 0;
  #down = 0;

  constructor(phase: NetworkPhase, limits: EgressLimits, tell: (request: EgressRequest) => void) {
    this.#phase = phase;
    this.#limits = limits;
    this.#tell = tell;
  }

  /** One request more; undefined when there were too many, which is told once. */
  begin(method: string): Exchange | undefined {
    this.#requests += 1;
    if (this.#requests > this.#limits.requests + 1) return undefined;
    const exchange = new Exchange(this, method, this.#limits);
    if (this.#requests <= this.#limits.requests) return exchange;
    exchange.end("refused", `more than ${this.#limits.requests} requests: the session is over`);
    return undefined;
  }

  use(up: number, down: number): void {
    this.#up += up;
    this.#down += down;
    if (this.#up > this.#limits.uploadBytes) throw new ByteCapError("sent too much in all");
    if (this.#down > this.#limits.downloadBytes) throw new ByteCapError("fetched too much in all");
  }

  tell(request: Omit<EgressRequest, "phase">): void {
    this.#tell({ ...request, phase: this.#phase });
  }
}

/** One request of a sandbox: what it used, ending in one record however often it is ended. */
export class Exchange {
  readonly #account: Account;
  readonly #limits: EgressLimits;
  readonly #method: string;
  readonly #started = performance.now();
  #up = 0;
  #down = 0;
  #ended = false;
  host = "";
  path = "";

  constructor(account: Account, method: string, limits: EgressLimits) {
    this.#account = account;
    this.#method = method;
    this.#limits = limits;
  }

  /** Throws `ByteCapError` when it, or its session, has had enough. */
  sent(bytes: number): void {
    this.#up += bytes;
    if (this.#up > this.#limits.requestUploadBytes) throw new ByteCapError("sent too much");
    this.#account.use(bytes, 0);
  }

  received(bytes: number): void {
    this.#down += bytes;
    if (this.#down > this.#limits.requestDownloadBytes) throw new ByteCapError("fetched too much");
    this.#account.use(0, bytes);
  }

  end(outcome: EgressRequest["outcome"], detail: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#account.tell({
      method: plain(this.#method, 16),
      host: plain(this.host, 253),
      path: plain(this.path, 300),
      outcome,
      detail: plain(detail, 200),
      bytesUp: this.#up,
      bytesDown: this.#down,
      durationMs: Math.round(performance.now() - this.#started),
    });
  }
}

/** Text from outside, fit for a record: printable ASCII, bounded. */
const plain = (text: string, max: number): string =>
  text.replace(/[^\x20-\x7e]/g, "?").slice(0, max);
