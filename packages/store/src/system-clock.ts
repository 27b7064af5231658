import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { Clock } from "@headrace/domain";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const ALPHABET = `${LETTERS}0123456789`;
const ID_LENGTH = 12;
/** what a Node timer can hold; it fires at once for more */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const pick = (from: string): string => from.charAt(randomInt(from.length));

/** The real clock. Ids have twelve characters, the first a letter: 62 bits. */
export const createClock = (): Clock => ({
  now: () => new Date(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await setTimeout(Math.min(ms, LONGEST_TIMER_MS), undefined, signal ? { signal } : {});
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
  random: Math.random,
  id: () => pick(LETTERS) + Array.from({ length: ID_LENGTH - 1 }, () => pick(ALPHABET)).join(""),
});
