import diagnostics from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";

/**
 * Milliseconds between the end of each reply to `POST /v1/messages` and the arrival of the next such request, as the
 * HTTP servers of this process see them: the time an agent's model waits for it.
 */
export const watchGaps = (): Disposable & { readonly gaps: readonly number[] } => {
  const gaps: number[] = [];
  let repliedAt: number | undefined;
  const isMessages = (message: unknown): boolean => {
    const { request } = message as { request: IncomingMessage };
    return request.method === "POST" && request.url === "/v1/messages";
  };
  const onRequest = (message: unknown): void => {
    if (!isMessages(message)) return;
    if (repliedAt !== undefined) gaps.push(performance.now() - repliedAt);
    repliedAt = undefined;
  };
  const onReply = (message: unknown): void => {
    if (isMessages(message)) repliedAt = performance.now();
  };
  diagnostics.subscribe("http.server.request.start", onRequest);
  diagnostics.subscribe("http.server.response.finish", onReply);
  return {
    gaps,
    [Symbol.dispose]() {
      diagnostics.unsubscribe("http.server.request.start", onRequest);
      diagnostics.unsubscribe("http.server.response.finish", onReply);
    },
  };
};
