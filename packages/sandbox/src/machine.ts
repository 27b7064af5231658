import type { Container } from "./container.ts";

/**
 * What an agent's supervisor or a gate runs in, whatever provides it: filled, attached to, started, and asked how it
 * ended. The attached stream is multiplexed as an engine's is.
 */
export type Machine = Pick<
  Container,
  "id" | "put" | "attach" | "start" | "wait" | "inspect" | "kill" | "measure"
> &
  AsyncDisposable;
