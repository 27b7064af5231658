import {
  foldAll,
  formatReceiptTrailer,
  isEnded,
  isGreen,
  parseReceiptTrailer,
  type RunState,
  sumKinds,
  TRAILERS,
} from "@headrace/domain";
import { expect } from "vitest";
import type { TestRun } from "./factory-run.ts";
import { git } from "./git.ts";

/** Replies that reached the factory, by who asked and at which turn. */
export const repliesOf = async (run: TestRun): Promise<string[]> =>
  (await run.requests())
    .filter((r) => r.outcome === "reply")
    .map((r) => `${r.user} ${r.turn}`)
    .sort();

/**
 * What holds after every run, whatever happened to it: rows follow from events, each landed task landed once on a
 * tree of its own with a green receipt, money adds up, no call was made twice, and the user's repository only gained
 * the factory's refs.
 */
export const expectSound = async (run: TestRun): Promise<RunState> => {
  const state = await run.state();
  const events = await run.events();
  expect(foldAll(events)).toEqual(state);
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
  expectLandings(run, state);
  await expectMoney(run, state);
  const replies = await repliesOf(run);
  expect(replies).toEqual([...new Set(replies)]);
  const refs = git(run.repo, "for-each-ref", "--format=%(refname)").split("\n");
  expect(refs.filter((ref) => !ref.startsWith("refs/heads/headrace/"))).toEqual([
    "refs/heads/main",
  ]);
  expect(git(run.repo, "rev-parse", "main")).toBe(run.base);
  expect(git(run.repo, "status", "--porcelain")).toBe("");
  return state;
};

const expectLandings = (run: TestRun, state: RunState): void => {
  const landed = Object.values(state.tasks)
    .filter((row) => row.status === "landed")
    .sort((a, b) => (a.landing?.seq ?? 0) - (b.landing?.seq ?? 0));
  const landings = run.landings();
  expect(landings.map((l) => l.trailers[TRAILERS.task])).toEqual(landed.map((row) => row.id));
  // of a batch only the last tree was run, on the base of the first; the others say so
  let batch: { baseTree: string; inner: string[] } | undefined;
  for (const [i, { commit, tree, baseTree, change, trailers }] of landings.entries()) {
    const row = landed[i];
    expect(Object.keys(trailers)).toEqual(Object.values(TRAILERS));
    expect(commit).toBe(row?.landing?.commit);
    expect(change).toBe(row?.change);
    const named = parseReceiptTrailer(trailers[TRAILERS.receipt] ?? "");
    batch ??= { baseTree, inner: [] };
    if (named?.part !== undefined) {
      batch.inner.push(formatReceiptTrailer(named));
      continue;
    }
    const { baseTree: landingBaseTree, inner } = batch;
    batch = undefined;
    const parts = inner.map((_, at) => ({ index: at + 1, of: inner.length + 1 }));
    expect(inner).toEqual(
      parts.map((part) => formatReceiptTrailer({ receipt: named?.receipt ?? "", ...named, part })),
    );
    const receipt = state.receipts[named?.receipt ?? ""];
    if (receipt === undefined) throw new Error(`landing ${commit} names no receipt of the run`);
    expect(isGreen(receipt)).toBe(true);
    expect(receipt.envelope).toBe(named?.envelope);
    expect(receipt.key).toMatchObject({
      tree,
      landingBaseTree,
      policy: state.run.policyHash,
    });
  }
  expect(batch).toBeUndefined();
  expect(landings.at(-1)?.commit ?? run.base).toBe(state.run.tip);
};

const expectMoney = async (run: TestRun, state: RunState): Promise<void> => {
  const calls = await run.calls();
  const spent = calls.reduce((sum, call) => sum + call.cost, 0);
  expect(spent).toBe(state.run.spent);
  expect(calls.filter((call) => call.state === "open")).toEqual([]);
  const ofTasks = Object.values(state.tasks).reduce((sum, row) => sum + row.spent, 0);
  expect(ofTasks).toBeLessThanOrEqual(spent);
  const { settled, converted, overhead, waste, inFlight } = await run.totals();
  expect(settled).toBe(spent);
  expect(converted + sumKinds(overhead) + sumKinds(waste) + inFlight).toBe(settled);
  if (isEnded(state.run.status)) expect(inFlight).toBe(0);
};
