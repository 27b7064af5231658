import { z } from "zod";
import { globMatcher } from "./glob.ts";
import { Id } from "./ids.ts";
import { Role } from "./steps.ts";

/** What a route may need of a model, and a configuration says that it has. */
export const Capability = z.enum(["tools", "cache", "effort", "json"]);
export type Capability = z.infer<typeof Capability>;

/** `output_config.effort` of the Messages API. */
export const Effort = z.enum(["low", "medium", "high"]);
export type Effort = z.infer<typeof Effort>;

/** One model of one provider, as a run may use it. */
export const Candidate = z.object({
  /** a provider of the installation's configuration */
  provider: Id,
  /** the id that is sent */
  model: z.string().min(1).max(200),
  /** models of one pool share the provider's rate limits */
  pool: Id,
  /** tokens that a prompt and its reply may have together */
  window: z.number().int().positive(),
  capabilities: z.array(Capability),
  effort: Effort.optional(),
  /** output tokens of one reply, at most */
  maxOutput: z.number().int().positive().optional(),
});
export type Candidate = z.infer<typeof Candidate>;

/** Names a candidate in records: `<provider>/<model>`. */
export const candidateKey = ({ provider, model }: Pick<Candidate, "provider" | "model">): string =>
  `${provider}/${model}`;

/** Which models a role may use, best first. */
export const Route = z.object({
  candidates: z.array(Candidate).min(1).max(10),
  needs: z.array(Capability).default([]),
  /** `cheapest`: of the candidates that fit, the one whose call is estimated lowest */
  order: z.enum(["listed", "cheapest"]).default("listed"),
  /** where another candidate fits, not the model that this role last used for the same task */
  differFrom: Role.optional(),
});
export type Route = z.infer<typeof Route>;

/** A route for the tasks whose id the glob matches, in the place of the role's own; the first that fits counts. */
export const RouteOverride = z.object({
  task: z.string().min(1).max(100),
  role: Role,
  route: Route,
});
export type RouteOverride = z.infer<typeof RouteOverride>;

/** Routes of a run, resolved once at its submission. A log older than routes has a model's id by role. */
export const PinnedRoutes = z.record(z.string(), z.union([z.string(), Route]));
export type PinnedRoutes = z.infer<typeof PinnedRoutes>;

/** The provider that the environment alone describes, and logs older than routes used. */
export const DEFAULT_PROVIDER = "anthropic";

const LEGACY_WINDOW = 200_000;

const legacyRoute = (model: string): Route => ({
  candidates: [
    {
      provider: DEFAULT_PROVIDER,
      model,
      pool: "default",
      window: LEGACY_WINDOW,
      capabilities: ["tools", "cache"],
    },
  ],
  needs: [],
  order: "listed",
});

/** The route of a role, for a task where there is one. */
export const routeFor = (
  pinned: PinnedRoutes,
  overrides: readonly RouteOverride[],
  role: Role,
  task?: string,
): Route => {
  const own = overrides.find(
    (row) => row.role === role && task !== undefined && globMatcher([row.task])(task),
  );
  const route = own?.route ?? pinned[role];
  if (route === undefined) throw new Error(`there is no route for the ${role}`);
  return typeof route === "string" ? legacyRoute(route) : route;
};

/** Why a candidate was not taken; `chosen` is the one that was. */
export const Consideration = z.enum([
  "chosen",
  /** an earlier candidate was taken */
  "not-needed",
  /** lacks a capability the route needs */
  "incapable",
  /** the prompt does not fit its window */
  "context",
  "unpriced",
  /** no budget above the call can hold it */
  "over-budget",
  /** its circuit is open, or another call is trying whether it may close */
  "circuit-open",
  "rate-limited",
  /** as many calls are under way as the provider takes at present */
  "busy",
  /** another call with the same prefix is writing the cache that this one is to read */
  "prefix-held",
  "out-of-credit",
  "auth",
  "gone",
  /** calls this request invalid, and has replied to none of the run: that may be its settings and not the prompt */
  "unproven",
  /** failed in this turn in a way that trying it again does not mend, or as often as is tried */
  "failed",
  /** waits out the pause after its last failure in this turn */
  "backing-off",
  /** the model whose work is to be judged */
  "same-as-author",
]);
export type Consideration = z.infer<typeof Consideration>;

export const Considered = z.object({
  /** its `candidateKey` */
  candidate: z.string(),
  why: Consideration,
  /** when it may be taken again, where that is known (RFC 3339) */
  until: z.string().optional(),
  /** estimated cost of the call in pico-dollars; absent where it has no price */
  estimate: z.number().int().nonnegative().optional(),
});
export type Considered = z.infer<typeof Considered>;

/** How the choice of a candidate came out, with every candidate in it: data exhaust, and what golden tests compare. */
export const Decision = z.object({
  role: Role,
  outcome: z.enum(["chosen", "wait", "deferred", "refused", "unavailable", "invalid", "context"]),
  chosen: z.string().optional(),
  /** the chosen one's model is the author's whose work is judged: no other could be had */
  sameAsAuthor: z.literal(true).optional(),
  until: z.string().optional(),
  considered: z.array(Considered),
});
export type Decision = z.infer<typeof Decision>;
