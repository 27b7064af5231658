import { InfrastructureError, UserError } from "@headrace/domain";
import { ErrorBody, receivedError } from "./wire.ts";

export type FactoryAddress = { url: string; token: string };

export type Call = {
  method?: "GET" | "POST";
  /** sent as JSON, unless it is a blob already */
  body?: unknown;
  headers?: Record<string, string>;
  signal: AbortSignal;
};

/** One factory over fetch; every failure is a `UserError` it sent or an `InfrastructureError`. */
export class Connection {
  readonly #url: string;
  readonly #token: string;

  constructor({ url, token }: FactoryAddress) {
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
  }

  /** `read` takes the answer's body, under the same signal and with the same errors as the call. */
  async call<T>(path: string, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const response = await this.open(path, call);
    try {
      return await read(response);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** The answer with its body still to be read. */
  async open(path: string, { method = "GET", body, headers, signal }: Call): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...headers },
        signal,
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      });
      if (response.ok) return response;
      throw await this.#refusal(response);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Errors of ours as they are, those of the transport in words. */
  failure(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    if (error.name === "TimeoutError" || isTransportError(error)) {
      const why = error.cause instanceof Error ? error.cause.message : error.message;
      return new InfrastructureError(`the factory at ${this.#url} does not answer: ${why}`, {
        cause: error,
      });
    }
    return error;
  }

  async #refusal(response: Response): Promise<Error> {
    if (response.status === 401)
      return new UserError(
        `the factory at ${this.#url} refused the token`,
        "another factory may have taken the address over: check the data directory, or the token you gave",
      );
    const text = await response.text();
    try {
      return receivedError(ErrorBody.parse(JSON.parse(text)));
    } catch {
      return new InfrastructureError(
        `the factory at ${this.#url} answered ${response.status}: ${text.slice(0, 200)}`,
      );
    }
  }
}

/** What fetch throws when a connection is refused or cut, while sending or reading. */
const isTransportError = (error: Error): boolean =>
  error instanceof TypeError &&
  (error.message === "fetch failed" || error.message === "terminated");
