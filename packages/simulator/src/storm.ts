import { ApiError } from "./api-error.ts";
import type { Storm, StormKind } from "./conditions.ts";
import { digest, type Player, type Question, type Reply } from "./reply.ts";

const SLOW_MS = 700;
const SERVER_STATUSES = [500, 502, 503, 504];

/** Three numbers in [0, 1) that depend on nothing but the seed, the call and its try. */
const rolls = ({ seed }: Storm, { userId, turn }: Question, nth: number) => {
  const { subject, role, attempt, conversation } = userId;
  const hex = digest(seed, subject, role, attempt, conversation, turn, nth);
  const roll = (from: number) => Number.parseInt(hex.slice(from, from + 8), 16) / 2 ** 32;
  return { hit: roll(0), which: roll(8), where: roll(16) };
};

const pick = <T>(list: readonly T[], roll: number): T => list[Math.floor(roll * list.length)] as T;

/** What goes wrong: nothing is answered but an error, or the reply comes otherwise. */
const trouble = (
  kind: StormKind,
  { retryAfter }: Storm,
  where: number,
): ApiError | Partial<Reply> => {
  const after = { share: where };
  switch (kind) {
    case "rate":
      return new ApiError(429, "storm: over the rate limit", { retryAfter });
    case "overload":
      return new ApiError(529, "storm: Overloaded");
    case "server":
      return new ApiError(pick(SERVER_STATUSES, where), "storm: Internal server error");
    case "slow":
      return { firstByteMs: SLOW_MS };
    case "error":
      return { broken: { how: new ApiError(529, "storm: Overloaded"), after } };
    case "cut":
    case "stall":
      return { broken: { how: kind, after } };
  }
};

/** A player in whose answers a storm breaks; it is asked only where a reply comes of it. */
export const inStorm = (player: Player, storm: Storm): Player => {
  const tries = new Map<string, number>();
  return {
    async play(question, signal) {
      const key = `${question.user} ${question.turn}`;
      const nth = (tries.get(key) ?? 0) + 1;
      tries.set(key, nth);
      const { hit, which, where } = rolls(storm, question, nth);
      if (hit >= storm.share) return player.play(question, signal);
      const wrong = trouble(pick(storm.kinds, which), storm, where);
      if (wrong instanceof ApiError) throw wrong;
      return { ...(await player.play(question, signal)), ...wrong };
    },
  };
};
