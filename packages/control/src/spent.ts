import {
  type AnsweredCall,
  type FactoryRepo,
  type LineChanges,
  ownWorks,
  type RunState,
  type Shares,
  type Store,
  survivingShares,
  type TaskRow,
} from "@headrace/domain";

/** A run's calls, each with whether it gave a usable reply: so its try says, and before there were tries its state. */
export const answeredCalls = async (
  store: Pick<Store, "calls" | "outcomes">,
  run: string,
): Promise<AnsweredCall[]> => {
  const outcomes = await store.outcomes(run);
  return (await store.calls(run)).map((call) => {
    const outcome = outcomes.get(call.id) ?? (call.state === "settled" ? "ok" : "lost");
    return { ...call, replied: outcome === "ok" };
  });
};

const NONE: LineChanges = { added: [], removed: [] };

/** What of each attempt's own lines stands in what the task landed on `before`. */
export const sharesOf = async (
  repo: Pick<FactoryRepo, "has" | "lineChanges">,
  state: RunState,
  task: TaskRow,
  { before, landed }: { before: string; landed: string },
): Promise<Shares> => {
  const between = async (from: string, to: string): Promise<LineChanges> =>
    (await repo.has(from)) && (await repo.has(to)) ? repo.lineChanges(from, to) : NONE;
  const attempts = [];
  // one after the other: each may be as large as a diff is let be
  for (const { attempt, from, to } of ownWorks(state, task))
    attempts.push({ attempt, lines: await between(from, to) });
  return survivingShares(await between(before, landed), attempts);
};
