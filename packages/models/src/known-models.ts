import { type Candidate, type Capability, slug } from "@headrace/domain";
import { familyOf } from "./families.ts";

/** What a model can do and how it is limited, as far as a route asks. */
type ModelFacts = Pick<Candidate, "pool" | "window" | "capabilities">;

const MILLION = 1_000_000;
const ALL: Capability[] = ["tools", "cache", "json", "effort"];

/**
 * Families of the Messages API: rate limits are shared by all versions of one line; prompts of a million tokens are at
 * the standard price but for Haiku, which takes no effort either (platform.claude.com: pricing, effort, models; 2026-11-22).
 */
const KNOWN: Readonly<Record<string, ModelFacts>> = {
  "claude-fable-5": { pool: "fable", window: MILLION, capabilities: ALL },
  "claude-fable-5-1": { pool: "fable", window: MILLION, capabilities: ALL },
  "claude-opus-5": { pool: "opus", window: MILLION, capabilities: ALL },
  "claude-opus-5-5": { pool: "opus", window: MILLION, capabilities: ALL },
  "claude-opus-4-8": { pool: "opus", window: MILLION, capabilities: ALL },
  "claude-opus-4-7": { pool: "opus", window: MILLION, capabilities: ALL },
  "claude-opus-4-6": { pool: "opus", window: MILLION, capabilities: ALL },
  "claude-sonnet-5": { pool: "sonnet", window: MILLION, capabilities: ALL },
  "claude-sonnet-5-5": { pool: "sonnet", window: MILLION, capabilities: ALL },
  "claude-sonnet-4-6": { pool: "sonnet", window: MILLION, capabilities: ALL },
  "claude-haiku-4-5": { pool: "haiku", window: 200_000, capabilities: ["tools", "cache", "json"] },
};

const UNKNOWN_WINDOW = 200_000;

/** The facts of a model by its id; what nothing is known of is taken to have limits of its own and a usual window. */
export const factsOf = (id: string): ModelFacts => {
  const family = familyOf(id);
  return (
    (Object.hasOwn(KNOWN, family) ? KNOWN[family] : undefined) ?? {
      pool: slug(id),
      window: UNKNOWN_WINDOW,
      capabilities: ["tools", "cache"],
    }
  );
};
