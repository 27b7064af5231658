import fc from "fast-check";
import { candidate, route, World } from "./router-fixture.ts";

export const KEY = "a/one";

/** One candidate that caches nothing. */
export const only = route([candidate(KEY, { capabilities: ["tools"] })]);

/** Each call is an asking of its own, so that nothing but what they share decides. */
export const apart = (id: string, prefix = id) => ({ request: { ask: id, prefix } });

export type Op<M> = { name: string; run: (model: M, world: World) => void };

/** Runs sequences of commands against a world on a virtual clock, and a model of what must hold. */
export const holds = <M extends object>(
  start: () => M,
  ops: fc.Arbitrary<Op<M>>,
  numRuns = 300,
): void => {
  const command = ops.map(
    (op): fc.Command<M, World> => ({
      check: () => true,
      run: op.run,
      toString: () => op.name,
    }),
  );
  fc.assert(
    fc.property(fc.commands([command], { maxCommands: 150, size: "max" }), (commands) => {
      fc.modelRun(() => ({ model: start(), real: new World() }), commands);
    }),
    { numRuns },
  );
};

export const pass = <M>(most: number): fc.Arbitrary<Op<M>> =>
  fc.integer({ min: 0, max: most }).map((ms) => ({
    name: `pass ${ms}`,
    run: (_, world) => world.pass(ms),
  }));

/** One of those under way, by a number that may be beyond their count. */
export const pick = (ids: Iterable<string>, n: number): string | undefined => {
  const all = [...ids];
  return all[n % Math.max(1, all.length)];
};
