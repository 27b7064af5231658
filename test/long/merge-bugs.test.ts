import type { FactoryRepo, Receipt, RunState } from "@headrace/domain";
import { isEnded } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import type { Files } from "../support/flat-trees.ts";
import { git } from "../support/git.ts";
import { moveAside, movesOf, violations, watchRefs } from "../support/landing-oracle.ts";
import { type MergeLineOptions, mergeLine } from "../support/merge-line.ts";
import { played } from "../support/played-line.ts";

const LIST = Array.from({ length: 40 }, (_, i) => `line ${i}\n`);
const START = { "list.txt": LIST.join("") };
const has = (files: Files, name: string) => files[name] === "once\n";

const edit = (files: Files, changes: Record<number, string>): Files => {
  const lines = (files["list.txt"] ?? "").split(/(?<=\n)/);
  for (const [at, text] of Object.entries(changes)) lines[Number(at)] = text;
  return { ...files, "list.txt": lines.join("") };
};

/** a, b and c edit one file in places of their own; d takes back what a did; e and f are red together only. */
const code: MergeLineOptions["code"] = (files, { task, attempt }) => {
  const own = { ...files, [`${task}.txt`]: attempt === 1 ? "once\n" : "again\n" };
  const places: Record<string, Record<number, string>> = {
    a: { 5: "a was here\n" },
    b: { 15: "b was here\n" },
    c: { 25: "c was here\n" },
    d: { 5: LIST[5] ?? "", 35: "d was here\n" },
  };
  return edit(own, places[task] ?? {});
};
const red = (files: Files) => has(files, "e.txt") && has(files, "f.txt");
const TASKS = [
  played("a"),
  played("b"),
  played("c"),
  played("d", { blockedBy: ["a", "b", "c"] }),
  played("e"),
  played("f"),
];

const over = ({ run }: RunState) => isEnded(run.status) || run.status === "failed";

/** The scenario with a bug in it: what the factory said, and what the oracle saw. */
const withBug = async (bug: (at: { bare(): string }) => Partial<MergeLineOptions>) => {
  let bare = "";
  await using line = await mergeLine({
    files: START,
    code,
    red,
    gather: true,
    ...bug({ bare: () => bare }),
  });
  bare = line.bare;
  watchRefs(bare);
  const run = await line.start(TASKS);
  const state = await line.until(run, over, 100_000);
  const seen = violations({ bare, state, red });
  const moves = movesOf(bare, run).length;
  return { status: state.run.status, said: state.run.reasons.join(), seen, state, moves };
};

const onRepo = (
  wrap: (repo: FactoryRepo, bare: () => string) => Partial<FactoryRepo>,
): Parameters<typeof withBug>[0] => {
  return ({ bare }) => ({ repo: (repo) => ({ ...repo, ...wrap(repo, bare) }) });
};
const isLanding = (message: string) => message.startsWith("Land ");

/** Merges as if the two had parted at the root of the run, whatever they share. */
const mergedFromRoot = async (repo: FactoryRepo, bare: () => string, a: string, b: string) => {
  const root = git(bare(), "rev-list", "--max-parents=0", a);
  const from = async (commit: string) =>
    repo.commit({
      tree: await repo.treeOf(commit),
      parents: [root],
      message: "x",
      at: new Date(0),
    });
  return repo.merge(await from(a), await from(b));
};

test("without a bug the scenario lands all but the second of the two that are red together", async () => {
  const { status, seen, state, moves } = await withBug(() => ({}));
  expect([status, seen]).toEqual(["complete", []]);
  expect(state.tasks).toMatchObject({ e: { attempts: 1 }, f: { attempts: 2, returns: 1 } });
  expect(moves).toBeGreaterThan(1);
});

describe("the factory stops, and the branch has not moved wrongly, when", () => {
  test.each<[string, RegExp, Parameters<typeof withBug>[0]]>([
    [
      "the merge base is wrong, so that a revert is lost",
      /does not hold both its change and what stood before: list.txt/,
      onRepo((repo, bare) => ({ merge: (a, b) => mergedFromRoot(repo, bare, a, b) })),
    ],
    [
      "a merge drops what stood before",
      /does not hold both its change and what stood before/,
      onRepo((repo) => ({
        merge: async (_, theirs) => ({ outcome: "clean", tree: await repo.treeOf(theirs) }),
      })),
    ],
    [
      "a merge drops the change",
      /does not hold both its change and what stood before/,
      onRepo((repo) => ({
        merge: async (ours) => ({ outcome: "clean", tree: await repo.treeOf(ours) }),
      })),
    ],
    [
      "the tree is swapped between verification and landing",
      /is not the tree that was stacked/,
      onRepo((repo) => ({
        commit: async (spec) =>
          repo.commit(
            isLanding(spec.message)
              ? { ...spec, tree: await repo.treeOf(spec.parents[0] ?? "") }
              : spec,
          ),
      })),
    ],
    [
      "the parents of a landing are the wrong way round",
      /has the parents/,
      onRepo((repo) => ({
        commit: (spec) =>
          repo.commit(
            isLanding(spec.message) ? { ...spec, parents: spec.parents.toReversed() } : spec,
          ),
      })),
    ],
    [
      "a worker answers with a stale receipt",
      /receipt \S+ is of/,
      () => {
        let first: Receipt | undefined;
        return {
          verify: async ({ input }, honest) => {
            const landing = input.kind === "verify" && first !== undefined;
            const receipt = landing && first !== undefined ? first : await honest();
            first ??= receipt;
            return receipt;
          },
        };
      },
    ],
    [
      "a worker verifies the tree on another base",
      /receipt \S+ is of/,
      () => ({
        verify: async (_, honest) => {
          const { key, ...receipt } = await honest();
          return { ...receipt, key: { ...key, landingBaseTree: key.tree } };
        },
      }),
    ],
    [
      "the verdict of a prefix is taken for the whole batch's",
      /receipt \S+ is of/,
      () => ({
        ports: (ports) => ({
          ...ports,
          async request(thread, request) {
            const { input } = request;
            if (input.kind !== "land") return ports.request(thread, request);
            const { steps } = await ports.state(thread.run);
            const stacks = Object.values(steps).flatMap(({ result }) =>
              result?.kind === "stack" ? [result.stack] : [],
            );
            const members = (stacks.at(-1)?.members ?? []).map(({ tree: _, ...member }) => member);
            return ports.request(thread, { ...request, input: { ...input, members } });
          },
        }),
      }),
    ],
  ])("%s", async (_, told, bug) => {
    const { status, said, seen } = await withBug(bug);
    expect(status).toBe("failed");
    expect(said).toMatch(told);
    expect(seen).toEqual([]);
  });
});

describe("what the factory cannot see in time the oracle sees:", () => {
  test.each<[string, RegExp, Parameters<typeof withBug>[0]]>([
    [
      "a ref that is moved without its old value, over another merger's landing",
      /does not lead on from where the branch stood/,
      onRepo((repo, bare) => {
        let meddled = false;
        return {
          async moveRef(ref, to, expected) {
            if (expected !== undefined && !meddled) {
              meddled = true;
              moveAside(bare(), ref);
            }
            return repo.moveRef(ref, to, await repo.readRef(ref));
          },
        };
      }),
    ],
    [
      "a ref that is moved to the stack instead of the landings",
      /it has no receipt|is no landing of a task/,
      onRepo((repo, bare) => ({
        async moveRef(ref, to, expected) {
          if (expected === undefined) return repo.moveRef(ref, to, expected);
          const tree = git(bare(), "rev-parse", `${to}^{tree}`);
          const other = git(bare(), "commit-tree", tree, "-p", expected, "-m", "stack");
          return repo.moveRef(ref, other, expected);
        },
      })),
    ],
    [
      "a history that is not read, so that a landing is not found again",
      /stands in the branch and not in the rows/,
      onRepo(() => ({ landings: async () => [] })),
    ],
    [
      "a red gate that is written down as green",
      /the gate is red on this tree/,
      () => ({
        verify: async (_, honest) => {
          const receipt = await honest();
          const results = receipt.results.map((r) => ({ ...r, verdict: "pass" as const }));
          return { ...receipt, results };
        },
      }),
    ],
    [
      "a merge that drops what stood before, with the proof gone as well",
      /lands as another tree than git merges/,
      onRepo((repo) => ({
        merge: async (_, theirs) => ({ outcome: "clean", tree: await repo.treeOf(theirs) }),
        unproven: async () => [],
      })),
    ],
  ])("%s", async (_, told, bug) => {
    expect((await withBug(bug)).seen.join("\n")).toMatch(told);
  });
});
