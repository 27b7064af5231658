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

/** An answer that is an error, in the API's own shape. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly type: string;
  /** seconds */
  readonly retryAfter: number | undefined;
  constructor(
    status: number,
    message: string,
    { type, retryAfter }: { type?: string | undefined; retryAfter?: number | undefined } = {},
  ) {
    super(message);
    this.status = status;
    this.type = type ?? TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
    this.retryAfter = retryAfter;
  }

  body(requestId: string) {
    return {
      type: "error",
      error: { type: this.type, message: this.message },
      request_id: requestId,
    };
  }
}
