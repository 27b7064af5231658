export type { Ask } from "./ask.ts";
export { type AskDeps, askModel } from "./ask-model.ts";
export { withCacheBreakpoints } from "./cache-breakpoints.ts";
export { checkProvider } from "./check-provider.ts";
export { createModelClient, type ModelClientOptions } from "./client.ts";
export { MODEL_TIMEOUTS, type ModelTimeouts } from "./deadline.ts";
export { factsOf } from "./known-models.ts";
export { createPriceBook, rowInForce } from "./price-book.ts";
export { checkPrices } from "./price-checks.ts";
export { listOf, PRICES, PriceRow } from "./prices.ts";
export {
  type NamedRoute,
  providersOf,
  type RouteRequest,
  type Routing,
  resolveRoutes,
  TIERS,
} from "./routes.ts";
export { TOKEN_CLASSES, usdPerMTok } from "./unit-prices.ts";
