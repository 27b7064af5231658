import { HostileTreeError, UserError } from "@headrace/domain";
import { afterAll, describe, expect, test } from "vitest";
import { score } from "./scores.ts";
import type { Stage } from "./stage.ts";

/**
 * How an attack ends. `refused`: it does not come in. `contained`: it happens, and nothing outside of its sandbox
 * notices. `fails`: verification or the plan check does not pass it. `sanitised`: it comes in as harmless text.
 * `harmless`: it is ordinary data here.
 */
export type Verdict = "refused" | "contained" | "fails" | "sanitised" | "harmless";

export type HostileCase = {
  id: string;
  title: string;
  verdict: Verdict;
  /** Makes the attack and lets it happen; resolves with how it ended. */
  play(stage: Stage): Promise<Verdict>;
};

/** An attack as data: `build` makes it, `run` lets it happen and says how it ended. */
export const hostile = <T>(one: {
  id: string;
  title: string;
  verdict: Verdict;
  build: (stage: Stage) => T | Promise<T>;
  run: (built: T, stage: Stage) => Verdict | Promise<Verdict>;
}): HostileCase => ({
  id: one.id,
  title: one.title,
  verdict: one.verdict,
  play: async (stage) => one.run(await one.build(stage), stage),
});

const reproduce = (id: string): string => `npx vitest run --project hostile -t '${id} '`;

/** Plays a case, keeps its score and tells its end by its id, whatever reporter is at work. */
const playOne = async (letter: string, one: HostileCase, stage: Stage): Promise<void> => {
  const started = performance.now();
  const done = (held: boolean) => {
    const ms = performance.now() - started;
    score({ letter, verdict: one.verdict, held, ms });
    const end = held ? one.verdict : `NOT ${one.verdict}`;
    process.stdout.write(
      `${one.id.padEnd(5)} ${end}: ${one.title} (${(ms / 1000).toFixed(1)} s)\n`,
    );
  };
  try {
    expect(await one.play(stage)).toBe(one.verdict);
    done(true);
  } catch (error) {
    done(false);
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n  reproduce: ${reproduce(one.id)}`, { cause: error });
  }
};

/** The cases of one letter as tests; after the last of them it is looked around. */
export const defineLetter = (
  letter: string,
  what: string,
  cases: readonly HostileCase[],
  stage: () => Stage,
) =>
  describe(`${letter}: ${what}`, () => {
    afterAll(async () => {
      await stage().lookAround(letter);
    });
    // not `test.each`, which cuts names at 40 characters
    for (const one of cases)
      test(`${one.id} ${one.verdict}: ${one.title}`, () => playOne(letter, one, stage()));
  });

/** `refused` when the work is refused in words that match; anything else is told. */
export const refusal = async (work: Promise<unknown>, words: RegExp = /./): Promise<Verdict> => {
  const end = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (end === undefined) throw new Error("it was let in");
  const { name, message } = end as Error;
  if (![HostileTreeError.name, UserError.name].includes(name)) throw end;
  expect(message).toMatch(words);
  return "refused";
};
