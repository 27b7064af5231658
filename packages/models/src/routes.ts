import { type PinnedRoutes, type PriceBook, type Role, UserError } from "@headrace/domain";
import { familyOf } from "./families.ts";

export type Tier = "strong" | "middle" | "small";

/** Model families of each tier, best first: a run takes the first one its key may use. */
export const TIERS: Record<Tier, readonly string[]> = {
  strong: ["claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6"],
  middle: ["claude-sonnet-5", "claude-sonnet-4-6"],
  small: ["claude-haiku-4-5"],
};

export const ROLE_TIERS: Record<Role, Tier> = {
  planner: "strong",
  researcher: "middle",
  coder: "middle",
  reviewer: "strong",
  merger: "strong",
};

const ROLES = Object.keys(ROLE_TIERS) as Role[];

/** The id under which `wanted` is on offer: itself, else the newest id of its family. */
const findOffered = (wanted: string, available: readonly string[]): string | undefined => {
  if (available.includes(wanted)) return wanted;
  return available
    .filter((id) => familyOf(id) === wanted)
    .toSorted()
    .at(-1);
};

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

const nearest = (name: string, available: readonly string[]): string[] =>
  available.toSorted((a, b) => distance(name, a) - distance(name, b)).slice(0, 3);

/** At most 20 ids: a gateway may list hundreds. */
const listed = (available: readonly string[]): string =>
  available.length === 0
    ? "The key may use no model at all."
    : `The key may use: ${available.slice(0, 20).join(", ")}${available.length > 20 ? ` and ${available.length - 20} more` : ""}.`;

const chooseForTier = (tier: Tier, available: readonly string[]): string => {
  for (const candidate of TIERS[tier]) {
    const offered = findOffered(candidate, available);
    if (offered !== undefined) return offered;
  }
  throw new UserError(
    `no ${tier} model is on offer: looked for ${TIERS[tier].join(", ")}`,
    `${listed(available)} Name one of them with --model.`,
  );
};

const chooseOverride = (name: string, available: readonly string[]): string => {
  const offered = findOffered(name, available);
  if (offered !== undefined) return offered;
  const near = nearest(name, available);
  throw new UserError(
    `unknown model "${name}"`,
    near.length === 0 ? listed(available) : `Did you mean ${near.join(", ")}? ${listed(available)}`,
  );
};

/**
 * Which model each role uses, resolved once for a run. `available` is what the provider lists, `override`
 * the name given with `--model`. Throws `UserError` when nothing fits or a chosen model has no price.
 */
export const resolveRoutes = (facts: {
  available: readonly string[];
  override?: string;
  priceBook: PriceBook;
  at: Date;
}): PinnedRoutes => {
  const { available, override, priceBook, at } = facts;
  const routes = Object.fromEntries(
    ROLES.map((role) => [
      role,
      override === undefined
        ? chooseForTier(ROLE_TIERS[role], available)
        : chooseOverride(override, available),
    ]),
  );
  for (const model of new Set(Object.values(routes))) {
    if (priceBook.worstCase(model, 1, 1, at) === undefined)
      throw new UserError(
        `no price is known for ${model}, so no budget could hold it`,
        `Add one under \`prices\` in config.yaml of the data directory: {model: ${model}, input: "3", output: "15"} (USD per million tokens).`,
      );
  }
  return routes;
};
