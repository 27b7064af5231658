import { formatUserId, parseUserId, type UserId } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { ApiError } from "./api-error.ts";
import { Storm } from "./conditions.ts";
import type { Player, Question } from "./reply.ts";
import { inStorm } from "./storm.ts";

const calm: Player = {
  play: async () => ({ content: [{ type: "text", text: "ok" }], stopReason: "end_turn" }),
};

const questionOf = (turn: number, change: Partial<UserId> = {}): Question => {
  const userId: UserId = {
    ...{ run: "r1", subject: "t1", role: "coder", attempt: 1, conversation: 1 },
    ...change,
  };
  const user = formatUserId(userId);
  expect(parseUserId(user)).toEqual(userId);
  const request = { model: "m", max_tokens: 1, system: [], tools: [], messages: [], stream: true };
  return { request, userId, user, turn };
};

/** What becomes of a try, in a word. */
const weather = async (player: Player, question: Question): Promise<string> => {
  try {
    const { broken, firstByteMs } = await player.play(question, AbortSignal.timeout(1000));
    if (firstByteMs !== undefined) return "slow";
    if (broken === undefined) return "calm";
    return broken.how instanceof ApiError ? "error" : broken.how;
  } catch (error) {
    return String((error as ApiError).status);
  }
};

/** Of so many turns, in this order, `tries` tries each. */
const forecast = async (
  storm: Storm,
  { turns = [...Array(400).keys()], tries = 2, run = "r1" } = {},
): Promise<Record<string, string[]>> => {
  const player = inStorm(calm, storm);
  const seen: Record<string, string[]> = {};
  for (const turn of turns) {
    const all: string[] = [];
    for (let n = 0; n < tries; n++) all.push(await weather(player, questionOf(turn, { run })));
    seen[turn] = all;
  }
  return seen;
};

const storm = Storm.parse({ seed: 7, share: 0.3 });

describe("a storm", () => {
  test("is the same in whatever order and run it is met, and another with another seed", async () => {
    const first = await forecast(storm);
    const turns = [...Array(400).keys()].reverse();
    expect(await forecast(storm, { turns, run: "r2" })).toEqual(first);
    expect(await forecast({ ...storm, seed: 8 })).not.toEqual(first);
  });

  test("hits its share of the tries, with every kind that was asked for and no other", async () => {
    const seen = Object.values(await forecast(storm)).flat();
    const hit = seen.filter((what) => what !== "calm");
    expect(hit.length / seen.length).toBeGreaterThan(0.25);
    expect(hit.length / seen.length).toBeLessThan(0.35);
    const kinds = ["429", "500", "502", "503", "504", "529", "cut", "error", "slow"];
    expect([...new Set(hit)].toSorted()).toEqual(kinds);
    const stalls = Object.values(await forecast({ ...storm, kinds: ["stall"] })).flat();
    expect(new Set(stalls)).toEqual(new Set(["calm", "stall"]));
  });

  test("hits each try of a call anew", async () => {
    const seen = Object.values(await forecast({ ...storm, share: 0.5 }, { tries: 6 }));
    expect(seen.every((tries) => new Set(tries).size === 1)).toBe(false);
    expect(seen.filter((tries) => !tries.includes("calm")).length).toBeLessThan(20);
  });

  test("with no share is none, and with all of it spares nothing", async () => {
    expect(new Set(Object.values(await forecast({ ...storm, share: 0 })).flat())).toEqual(
      new Set(["calm"]),
    );
    expect(Object.values(await forecast({ ...storm, share: 1 })).flat()).not.toContain("calm");
  });
});
