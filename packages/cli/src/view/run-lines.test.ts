import {
  type EventBody,
  foldAll,
  fromUsd,
  PlanProposal,
  Policy,
  type RunState,
  type StoredEvent,
} from "@headrace/domain";
import { expect, it } from "vitest";
import { runLines } from "./run-lines.ts";

const NOW = new Date("2026-11-21T20:00:00Z");
const hash = "0".repeat(64);
const commit = "a".repeat(40);
const policy = Policy.parse({
  ...{ gates: [], setup: [], protected: [] },
  from: { gates: "plan", setup: "plan" },
});

type Given = EventBody & { task?: string };

/** A run whose tasks `a` and `b` have been begun, and what else happened. */
const stateAfter = (...more: Given[]): RunState => {
  const task = (id: string) => ({ id, title: id, description: "d", acceptance: ["x"] });
  const plan = PlanProposal.parse({ summary: "s", tasks: [task("a"), task("b")] });
  const events: Given[] = [
    {
      ...{ type: "run.submitted", title: "A run", spec: hash, requirements: [], constraints: [] },
      ...{ base: commit, repo: { path: "/r", name: "r" }, policy, guidance: hash, routes: {} },
      ...{ budget: fromUsd(20), model: { kind: "provider" }, amounts: "pico" },
    },
    { type: "plan.proposed", plan: { ...plan, version: 1 }, round: 1 },
    { type: "plan.accepted", version: 1, requirements: [], policy, policyHash: hash },
    ...["a", "b"].map((id): Given => ({ type: "task.ready", task: id })),
    ...more,
  ];
  const stored = events.map((event, i): StoredEvent => {
    const at = new Date(NOW.getTime() - 60_000).toISOString();
    return { ...event, seq: i + 1, at, run: "r1", prev: "", hash: "" };
  });
  const state = foldAll(stored);
  if (state === undefined) throw new Error("there is no state");
  return state;
};

const shown = (state: RunState): string[] => runLines(state, NOW, (line) => `headrace ${line}`);

it("a person sees which task stands still for its budget, and what lets it go on", () => {
  const parked = {
    level: "task",
    reason: "the next call does not fit",
    budget: fromUsd(1),
  } as const;
  const lines = shown(stateAfter({ type: "budget.parked", task: "a", ...parked }));
  expect(lines.find((line) => line.includes("▸ a"))).toContain("parked for budget");
  expect(lines.slice(-2)).toEqual([
    "  $ a has used its task's budget of $1.00",
    "    headrace budget r1 --raise USD --task a",
  ]);
});

it("a person sees until when work waits and why, once for all that waits alike, and not what is past", () => {
  const reason = "the day's budget of $50.00 is used";
  const asked = (id: string): Given[] => [
    {
      ...{ type: "step.requested", step: `r1-${id}-code-1`, subject: id, task: id },
      thread: { kind: "task", id },
      input: { kind: "environment", commit },
    },
  ];
  const deferred = (id: string, until: string): Given => ({
    ...{ type: "step.deferred", step: `r1-${id}-code-1`, until, reason, task: id },
  });
  const tomorrow = "2026-11-22T00:00:00Z";
  const both = stateAfter(
    ...[...asked("a"), ...asked("b"), deferred("a", tomorrow), deferred("b", tomorrow)],
  );
  expect(shown(both).at(-1)).toBe(`  ~ a, b wait until ${tomorrow}: ${reason}`);
  const past = stateAfter(...asked("a"), deferred("a", "2026-11-21T19:00:00Z"));
  expect(shown(past).filter((line) => line.includes("until"))).toEqual([]);
});

it("a run that was only planned leaves tasks that are planned, not unfinished", () => {
  const lines = shown(stateAfter({ type: "run.planned" }));
  expect(lines[1]).toMatch(/^planned · 0 of 2 tasks landed/);
  expect(lines.slice(2).every((line) => line.includes("planned"))).toBe(true);
});
