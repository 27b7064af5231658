import { InfrastructureError, UserError } from "@headrace/domain";
import Docker from "dockerode";

/** The engine answered, and the answer was no. */
export class EngineRefusal extends InfrastructureError {
  readonly status: number;
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export type Bound = { to: string; ms: number; signal?: AbortSignal | undefined };

/** Where an engine listens: a unix socket, or TCP with or without TLS. */
export type EngineAddress =
  | { socketPath: string }
  | {
      host: string;
      port: number;
      tls?: { ca?: Buffer; cert?: Buffer; key?: Buffer };
    };

/** A dockerode client of exactly this address: what the process's environment says of Docker plays no part. */
export const connect = (address: EngineAddress): Docker => {
  const unset = { host: undefined, ca: undefined, cert: undefined, key: undefined };
  if ("socketPath" in address) {
    return new Docker({ ...unset, socketPath: address.socketPath, protocol: "http" });
  }
  const { host, port, tls } = address;
  return new Docker({ ...unset, host, port, protocol: tls ? "https" : "http", ...tls });
};

/**
 * Makes one call of the engine with a bound. Every failure is an `InfrastructureError` that says what the engine
 * was asked `to` do; the caller's own abort is thrown as its reason.
 */
export const bounded = async <T>(
  { to, ms, signal }: Bound,
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> => {
  signal?.throwIfAborted();
  const cut = new AbortController();
  const expired = new InfrastructureError(
    `the container engine did not answer within ${Math.round(ms / 1000)} s when asked to ${to}`,
  );
  const timer = setTimeout(() => cut.abort(expired), ms);
  const onAbort = () => cut.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    cut.signal.addEventListener("abort", () => reject(cut.signal.reason), { once: true });
  });
  try {
    return await Promise.race([call(cut.signal), aborted]);
  } catch (error) {
    if (cut.signal.aborted) throw cut.signal.reason;
    throw engineError(to, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
};

const engineError = (to: string, cause: unknown): Error => {
  if (cause instanceof InfrastructureError || cause instanceof UserError) return cause;
  const { statusCode, json, message } = cause as {
    statusCode?: number;
    json?: { message?: string } | null;
    message?: string;
  };
  if (statusCode === undefined) {
    return new InfrastructureError(
      `the container engine could not be reached when asked to ${to}: ${message}`,
      { cause },
    );
  }
  const why = json?.message ?? message;
  return new EngineRefusal(`the container engine refused to ${to}: ${why}`, statusCode, { cause });
};
