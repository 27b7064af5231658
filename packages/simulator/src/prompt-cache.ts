import { createHash } from "node:crypto";
import type { Prompt } from "./wire.ts";

/** Prefixes with fewer tokens are silently not cached. */
export const MIN_CACHED_TOKENS = 1024;
/** How many blocks before a breakpoint an earlier request's breakpoint is still found. */
const LOOKBACK_BLOCKS = 20;
const BYTES_PER_TOKEN = 4;

/** The fixed rule of this simulator: four UTF-8 bytes of JSON are one token, rounded up. */
export const tokensOf = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN);

export const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

type PromptEnd = {
  /** identifies every byte up to here, and the model */
  hash: string;
  /** of the prompt up to and with this block */
  bytes: number;
  breakpoint: boolean;
};

/** The block ends of a prompt in cache order: tools, system, messages. Keys stay in the order they were sent. */
const endsOf = ({ model, tools, system, messages }: Prompt): PromptEnd[] => {
  const blocks = [
    ...tools.map((block) => ["tool", block] as const),
    ...system.map((block) => ["system", block] as const),
    ...messages.flatMap(({ role, content }) => content.map((block) => [role, block] as const)),
  ];
  let hash = model;
  let bytes = 0;
  return blocks.map(([place, { cache_control, ...block }]) => {
    const json = JSON.stringify([place, block]);
    hash = createHash("sha256").update(hash).update(json).digest("hex");
    bytes += Buffer.byteLength(json);
    return { hash, bytes, breakpoint: cache_control != null };
  });
};

/** Input tokens of a prompt, cached or not. */
export const countInput = (prompt: Prompt): number => tokensOf(endsOf(prompt).at(-1)?.bytes ?? 0);

/** Rounded down, so that no class can exceed the total. */
const prefixTokens = (end: PromptEnd | undefined): number =>
  Math.floor((end?.bytes ?? 0) / BYTES_PER_TOKEN);

/** The ends of a prompt, and which of them a later prompt can resume from. */
const marked = (prompt: Prompt): { ends: PromptEnd[]; marks: number[] } => {
  const ends = endsOf(prompt);
  const marks = ends.flatMap((end, i) =>
    end.breakpoint && prefixTokens(end) >= MIN_CACHED_TOKENS ? [i] : [],
  );
  return { ends, marks };
};

export type InputUsage = { read: number; written: number; uncached: number };

/**
 * A provider's prompt cache without its clock: entries never expire, so figures depend only on the requests
 * and their order. A breakpoint stores its prefix; a later prompt of the same model reads the longest stored
 * prefix that ends at one of its breakpoints or within twenty blocks before it.
 */
export class PromptCache {
  readonly #stored = new Set<string>();

  /** What a prompt would be billed, in disjoint classes whose sum is `countInput`. */
  quote(prompt: Prompt): InputUsage {
    const { ends, marks } = marked(prompt);
    const total = tokensOf(ends.at(-1)?.bytes ?? 0);
    const found = ends.findLastIndex(
      (end, i) =>
        this.#stored.has(end.hash) &&
        marks.some((mark) => i <= mark && mark - i <= LOOKBACK_BLOCKS),
    );
    const read = found < 0 ? 0 : prefixTokens(ends[found]);
    const cached = prefixTokens(ends[marks.at(-1) ?? -1]);
    return { read, written: cached - read, uncached: total - cached };
  }

  /** Bills a prompt that is answered, and keeps what it writes. */
  bill(prompt: Prompt): InputUsage {
    const usage = this.quote(prompt);
    const { ends, marks } = marked(prompt);
    for (const mark of marks) this.#stored.add(ends[mark]?.hash ?? "");
    return usage;
  }
}
