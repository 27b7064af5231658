import type { Call, ProviderRow } from "./health.ts";
import { CALL_MS } from "./limits.ts";

/** Calls to one provider at once: as many as its users start with, and no more than one machine keeps up with. */
const START = 8;
const LEAST = 1;
const MOST = 64;

export const NEW_PROVIDER: ProviderRow = { limit: START, cutAt: 0, calls: {} };

/** Calls that are under way, as far as they can be. */
export const underWay = (provider: ProviderRow, at: number): Record<string, Call> =>
  Object.fromEntries(Object.entries(provider.calls).filter(([, call]) => at < call.at + CALL_MS));

const count = (provider: ProviderRow, at: number): number =>
  Object.keys(underWay(provider, at)).length;

export const isBusy = (provider: ProviderRow, at: number): boolean =>
  count(provider, at) >= Math.floor(provider.limit);

/** A whole round of answers while the limit was reached raises it by one. To be told before the call is taken out. */
export const raised = (provider: ProviderRow, at: number): ProviderRow =>
  isBusy(provider, at)
    ? { ...provider, limit: Math.min(MOST, provider.limit + 1 / provider.limit) }
    : provider;

/** Halves the limit, once for all calls that were under way together. */
export const cut = (provider: ProviderRow, sentAt: number, at: number): ProviderRow =>
  sentAt > provider.cutAt
    ? { ...provider, limit: Math.max(LEAST, provider.limit / 2), cutAt: at }
    : provider;
