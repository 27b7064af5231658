import type { AgentEnd, HandoffBrief, RunState, StepRow } from "@headrace/domain";
import { isEnded } from "@headrace/domain";
import { expect, test } from "vitest";
import { played, playedLine, work } from "../support/played-line.ts";

const ended = (state: RunState) => isEnded(state.run.status) || state.run.status === "failed";

const BRIEF: HandoffBrief = {
  why: "it had grown long",
  told: { done: "half of it", problems: "the other half" },
  ...{ edited: ["half.txt"], read: [], commands: [] },
};
const handsOn = (turns: number, snapshot?: string) => ({
  kind: "done" as const,
  result: {
    kind: "agent" as const,
    result: {
      ...{ end: "handoff" as const, brief: BRIEF, used: { turns, outputTokens: 100 * turns } },
      ...(snapshot === undefined ? {} : { snapshot }),
    } satisfies AgentEnd,
  },
});

const agentInput = (step: StepRow | undefined) => {
  if (step?.input.kind !== "agent") throw new Error(`no agent's step: ${JSON.stringify(step)}`);
  return step.input;
};

test("a coder that hands on goes on in the next conversation of the same attempt, from its workspace, and lands", async () => {
  const snapshots: string[] = [];
  await using line = await playedLine({
    play: ({ input, subject }) => {
      if (input.kind !== "agent" || input.role !== "coder" || snapshots.length === 2)
        return undefined;
      const snapshot = work(line.bare, input.commit, `half-${snapshots.length}-of-${subject}`);
      snapshots.push(snapshot);
      return handsOn(10 * snapshots.length, snapshot);
    },
  });
  const run = await line.submit([played("a")]);
  const { tasks, steps } = await line.until(run, ended);
  expect(tasks.a).toMatchObject({ status: "landed", attempts: 1 });
  const [first, second, third] = ["code-1", "code-1-2", "code-1-3"].map((step) =>
    agentInput(steps[`${run}-a-${step}`]),
  );
  expect(first).toMatchObject({ conversation: 1, handoffs: 3 });
  expect(first).not.toHaveProperty("handoff");
  expect(second).toMatchObject({
    ...{ attempt: 1, conversation: 2, handoffs: 2, commit: snapshots[0] },
    used: { turns: 10, outputTokens: 1_000 },
    handoff: { ...BRIEF, changed: ["half-0-of-a.txt +1 -0"] },
  });
  expect(third).toMatchObject({
    ...{ attempt: 1, conversation: 3, handoffs: 1, commit: snapshots[1] },
    used: { turns: 20, outputTokens: 2_000 },
    handoff: { changed: ["half-0-of-a.txt +1 -0", "half-1-of-a.txt +1 -0"] },
  });
  // what a provider has in its cache of the first message is sent again as it was
  expect(second?.brief).toEqual(first?.brief);
  expect(third?.brief).toEqual(first?.brief);
  expect((await line.events(run)).filter((e) => e.type === "attempt.started")).toHaveLength(1);
});

test("an answer begins a conversation with a new brief that still has what was handed on and used", async () => {
  let asked = 0;
  await using line = await playedLine({
    play: ({ input, subject }) => {
      if (input.kind !== "agent" || input.role !== "coder") return undefined;
      asked += 1;
      const snapshot = work(line.bare, input.commit, `part-${asked}-of-${subject}`);
      if (asked === 1) return handsOn(10, snapshot);
      if (asked > 2) return undefined;
      const used = { turns: 13, outputTokens: 1_300 };
      const result = {
        end: "blocked" as const,
        reason: "unclear",
        question: "Which?",
        used,
        snapshot,
      };
      return { kind: "done", result: { kind: "agent", result } };
    },
  });
  const run = await line.submit([played("a")]);
  await line.until(run, (state) => state.questions["a-q1-2"] !== undefined);
  await line.commands().answer(run, "a-q1-2", "The second.");
  const { steps, tasks } = await line.until(run, ended);
  expect(tasks.a).toMatchObject({ status: "landed", attempts: 1 });
  expect(agentInput(steps[`${run}-a-code-1-3`])).toMatchObject({
    ...{ handoffs: 2, used: { turns: 13, outputTokens: 1_300 } },
    handoff: { why: BRIEF.why, changed: ["part-1-of-a.txt +1 -0", "part-2-of-a.txt +1 -0"] },
    brief: { answers: [{ question: "Which?", answer: "The second." }] },
  });
});

test("a reviewer that hands on is asked on, and its limits hold over all of it", async () => {
  await using line = await playedLine({
    play: ({ input }) =>
      input.kind === "agent" && input.role === "reviewer" && input.conversation === 1
        ? handsOn(30)
        : undefined,
  });
  const run = await line.submit([played("a")]);
  const { run: row, steps } = await line.until(run, ended);
  expect(row.status).toBe("complete");
  for (const step of [`${run}-a-review-1`, `${run}-end-accept-1`])
    expect(agentInput(steps[`${step}-2`])).toMatchObject({
      ...{ conversation: 2, handoffs: 2, used: { turns: 30, outputTokens: 3_000 } },
      ...{ brief: agentInput(steps[step]).brief, handoff: { ...BRIEF, changed: [] } },
    });
});
