import { type Claim, isEnded, type StepOutcome, type StepRow } from "@headrace/domain";
import { expect, test } from "vitest";
import { git, gitBytes } from "../support/git.ts";
import { played, playedLine } from "../support/played-line.ts";

const PROXY = "http://127.0.0.1:3128/unknown/a.tgz";
const REGISTRY = "https://registry.npmjs.org/a/-/a-1.0.0.tgz";
const lockfile = { permits: ["lockfile"] };

/** What a maker leaves: its start's tree with this file. */
const leaves = (bare: string, { input }: Claim, path: string, text: string): StepOutcome => {
  if (input.kind !== "agent") throw new Error(`${input.kind} leaves nothing`);
  const blob = gitBytes(bare, ["hash-object", "-w", "--stdin"], text).toString().trim();
  const others = git(bare, "ls-tree", input.commit)
    .split("\n")
    .filter((line) => !line.endsWith(`\t${path}`));
  const entries = [...others, `100644 blob ${blob}\t${path}`, ""].join("\n");
  const tree = gitBytes(bare, ["mktree"], entries).toString().trim();
  const snapshot = git(bare, "commit-tree", tree, "-p", input.commit, "-m", "snapshot");
  const output = { summary: "Done." };
  const end = { end: "submitted" as const, output, snapshot, model: "m", turns: 1 };
  return { kind: "done", result: { kind: "agent", result: end } };
};

const agentInput = (steps: Record<string, StepRow>, id: string) => {
  const input = steps[id]?.input;
  if (input?.kind !== "agent") throw new Error(`there is no agent's step ${id}`);
  return input;
};

test("a permit of the accepted plan goes with its own task's steps and with no other's", async () => {
  await using line = await playedLine();
  const run = await line.submit([played("a", lockfile), played("b")]);
  const state = await line.until(run, (now) => isEnded(now.run.status));
  const { a, b } = state.tasks;
  expect(agentInput(state.steps, `${run}-a-code-1`).permits).toEqual(["lockfile"]);
  expect(agentInput(state.steps, `${run}-b-code-1`).permits).toEqual([]);
  for (const step of [`${run}-a-review-1`, `${run}-b-review-1`])
    expect(agentInput(state.steps, step).permits).toBeUndefined();
  expect(agentInput(state.steps, `${run}-a-review-1`).environment).toBe(a?.change);
  expect(agentInput(state.steps, `${run}-b-review-1`).environment).toBe(b?.attemptBase);
});

test("a lockfile that still names the proxy is refused, and the next attempt is told", async () => {
  await using line = await playedLine({
    play: ({ input, ...claim }) => {
      if (input.kind !== "agent" || input.role !== "coder") return undefined;
      const address = input.attempt === 1 ? PROXY : REGISTRY;
      return leaves(line.bare, { ...claim, input }, "package-lock.json", `"${address}"\n`);
    },
  });
  const run = await line.submit([played("a", lockfile)]);
  const state = await line.until(run, (now) => isEnded(now.run.status));
  expect(state.run.status).toBe("complete");
  const told = JSON.stringify(agentInput(state.steps, `${run}-a-code-2`).brief);
  expect(told).toContain(`package-lock.json names ${PROXY}`);
});

test.each([
  ["a lockfile, and has the permit of its task", "package-lock.json", ["lockfile"]],
  ["another file, and has no permit", "notes.txt", undefined],
])("a merger resolves %s", async (_, path, permits) => {
  // all begin before one lands, and of those that come back with its conflict both before the next
  const began = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const missing = [3, 2];
  await using line = await playedLine({
    play: async (claim) => {
      const { input, subject } = claim;
      if (input.kind !== "agent") return undefined;
      if (input.role === "merger") return leaves(line.bare, claim, path, "a b c by all\n");
      if (input.role !== "coder") return undefined;
      const round = input.attempt - 1;
      missing[round] = (missing[round] ?? 0) - 1;
      if (missing[round] === 0) began[round]?.resolve();
      await began[round]?.promise;
      return leaves(line.bare, claim, path, round === 0 ? `${subject}\n` : `a b c by ${subject}\n`);
    },
  });
  const run = await line.submit(["a", "b", "c"].map((id) => played(id, lockfile)));
  const state = await line.until(run, (now) => isEnded(now.run.status));
  expect(state.run.status).toBe("complete");
  const mergers = Object.values(state.steps).flatMap(({ input }) =>
    input.kind === "agent" && input.role === "merger" ? [input] : [],
  );
  expect(mergers.map((input) => input.permits)).toEqual([permits]);
});
