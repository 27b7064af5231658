import { z } from "zod";
import { ApiError } from "./api-error.ts";
import type { ProviderKind } from "./conditions.ts";

/** The models this provider offers, newest first, as the real one names them. */
const MODELS = [
  ["claude-sonnet-5", "Claude Sonnet 5"],
  ["claude-fable-5", "Claude Fable 5"],
  ["claude-opus-4-8", "Claude Opus 4.8"],
  ["claude-opus-4-7", "Claude Opus 4.7"],
  ["claude-sonnet-4-6", "Claude Sonnet 4.6"],
  ["claude-opus-4-6", "Claude Opus 4.6"],
  ["claude-haiku-4-5", "Claude Haiku 4.5"],
] as const;

export const SIMULATED_MODELS: readonly string[] = MODELS.map(([id]) => id);

/** The id of an offered model, as either provider writes it; undefined for one that is not offered. */
export const offered = (model: string, provider: ProviderKind): string | undefined => {
  const id =
    provider === "openrouter" ? model.replace(/^anthropic\//, "").replaceAll(".", "-") : model;
  return SIMULATED_MODELS.includes(id) ? id : undefined;
};

/** `GET /v1/models` of OpenRouter: all at once, under its own names. */
export const routedModels = () => ({
  data: MODELS.map(([id, name]) => ({
    id: `anthropic/${id.replace(/(\d)-(\d)/, "$1.$2")}`,
    name: `Anthropic: ${name}`,
    context_length: 200_000,
  })),
});

const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(20),
  after_id: z.string().optional(),
});

/** One page of `GET /v1/models`. */
export const modelPage = (query: Record<string, string>) => {
  const parsed = PageQuery.safeParse(query);
  if (!parsed.success) throw new ApiError(400, "limit: expected a number from 1 to 1000");
  const { limit, after_id } = parsed.data;
  const from = after_id === undefined ? 0 : SIMULATED_MODELS.indexOf(after_id) + 1;
  const data = MODELS.slice(from, from + limit).map(([id, display_name]) => ({
    type: "model",
    id,
    display_name,
    created_at: "2026-01-01T00:00:00Z",
  }));
  return {
    data,
    has_more: from + limit < MODELS.length,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
};
