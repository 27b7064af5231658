import type { ModelRequest } from "@headrace/domain";

/** The part of a request that a provider caches, in its order. */
type Prompt = Pick<ModelRequest, "tools" | "system" | "messages">;

/** Where a block stands: 0 tools, 1 system, 2 messages; then its index there, and within its message. */
type Place = readonly [part: 0 | 1 | 2, index: number, block: number];

/** A prompt as a cache sees it: its blocks in order, each with its exact bytes. */
export type Blocks = ReadonlyArray<{ place: Place; bytes: string }>;

/** A cache breakpoint moves from turn to turn and is no part of what is compared. */
const bytesOf = ({ cache_control: _, ...block }: Record<string, unknown>, role?: string): string =>
  JSON.stringify(role === undefined ? block : [role, block]);

export const blocksOf = ({ tools, system, messages }: Prompt): Blocks => [
  ...tools.map((tool, i) => ({ place: [0, i, 0] as const, bytes: bytesOf(tool) })),
  ...system.map((block, i) => ({ place: [1, i, 0] as const, bytes: bytesOf(block) })),
  ...messages.flatMap(({ role, content }, i) =>
    content.map((block, j) => ({ place: [2, i, j] as const, bytes: bytesOf(block, role) })),
  ),
];

const nameOf = ([part, index, block]: Place): string => {
  switch (part) {
    case 0:
      return `tools[${index}]`;
    case 1:
      return `system[${index}]`;
    case 2:
      return `messages[${index}].content[${block}]`;
  }
};

/** Which of two places comes first in a prompt. */
const earlier = (a: Place, b: Place): Place => {
  const level = a.findIndex((n, i) => n !== b[i]);
  return level < 0 || (a[level] ?? 0) < (b[level] ?? 0) ? a : b;
};

/**
 * The first block at which a prompt ceases to begin with the one before it, such as `system[0]`; from there on nothing
 * can be read from the cache. Undefined while a conversation only grows.
 */
export const firstBreak = (before: Blocks, now: Blocks): string | undefined => {
  for (const [i, { place, bytes }] of before.entries()) {
    const found = now[i];
    if (found === undefined) return nameOf(place);
    if (bytes !== found.bytes || nameOf(place) !== nameOf(found.place))
      return nameOf(earlier(place, found.place));
  }
  return undefined;
};
