export type { Ask } from "./ask.ts";
export { type AskDeps, askModel } from "./ask-model.ts";
export { withCacheBreakpoints } from "./cache-breakpoints.ts";
export { checkProvider } from "./check-provider.ts";
export { createModelClient, type ModelClientOptions } from "./client.ts";
export { MODEL_TIMEOUTS, type ModelTimeouts } from "./deadline.ts";
export { createPriceBook } from "./price-book.ts";
export { PRICES, PriceRow } from "./prices.ts";
export { ROLE_TIERS, resolveRoutes, TIERS, type Tier } from "./routes.ts";
