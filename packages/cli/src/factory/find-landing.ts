import { UserError } from "@headrace/domain";

/** A run with the commits of its landings. */
export type LandedRun = { run: string; landings: readonly string[] };

const HEX = /^[0-9a-f]{4,64}$/i;

/** What a person named: a run, or by its id or the beginning of it, as git takes it, one of the landings of a run. */
export const findLanding = (
  runs: readonly LandedRun[],
  target: string,
): { run: string; commit?: string } => {
  const named = runs.find(({ run }) => run === target);
  if (named !== undefined) return { run: named.run };
  const found = HEX.test(target)
    ? runs.flatMap(({ run, landings }) =>
        landings
          .filter((commit) => commit.startsWith(target.toLowerCase()))
          .map((commit) => ({ run, commit })),
      )
    : [];
  const [first, ...more] = found;
  if (first === undefined)
    throw new UserError(
      `there is no run and no landing ${target}`,
      "`headrace status` lists the runs, `headrace review RUN` the landings of one. A commit is named by 4 digits or more.",
    );
  if (more.length > 0)
    throw new UserError(
      `${target} is the beginning of ${found.length} landings`,
      `Give more of one: ${found.map(({ run, commit }) => `${commit} of run ${run}`).join(", ")}`,
    );
  return first;
};
