/** Error types of the Messages API by the status they come with. */
const TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

type Told = {
  type?: string | undefined;
  /** seconds */
  retryAfter?: number | undefined;
  headers?: Record<string, string> | undefined;
};

/** An answer that is an error, in the API's own shape. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, { type, retryAfter, headers }: Told = {}) {
    super(message);
    this.status = status;
    this.type = type ?? TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
    this.headers = {
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      ...headers,
    };
  }

  /** As OpenRouter answers it. */
  get routed() {
    return { error: { code: this.status, message: this.message } };
  }

  body(requestId: string) {
    return {
      type: "error",
      error: { type: this.type, message: this.message },
      request_id: requestId,
    };
  }
}
