import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { foldAll, type NewEvent, type RunState, type StepResult } from "@headrace/domain";
import { openStore } from "@headrace/store";
import { expect, it } from "vitest";
import {
  COMMIT,
  called,
  ManualClock,
  note,
  seeded,
  stepRequested,
  submitted,
} from "./suites/store-fixtures.ts";

const HASH = "a".repeat(64);
const moved: StepResult = { kind: "land", land: { outcome: "moved", tip: COMMIT } };

/** A source of valid events for whatever state a run is in. */
const eventSource = (random: () => number) => {
  const number = (n: number) => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T | undefined => from[number(from.length)];

  const proposed = (state: RunState): NewEvent => {
    const task = () => ({
      // digits only among them: such keys come first in an object, whatever was added first
      id: pick(["alpha", "beta", "gamma", "7", "2", "x-1"]) ?? "alpha",
      title: "a task",
      description: `do it ${number(100)}`,
      acceptance: ["done"],
      requirements: [],
      blockedBy: [],
      paths: [],
      permits: [],
    });
    const tasks = Array.from({ length: 1 + number(4) }, task);
    const version = Object.keys(state.plans).length + 1;
    const plan = { summary: "s", tasks, requirements: [], setup: [], gates: [], notDoing: [] };
    return { type: "plan.proposed", plan: { ...plan, version }, round: 1 };
  };

  const accepted = (state: RunState): NewEvent => ({
    type: "plan.accepted",
    version: 1 + number(Object.keys(state.plans).length),
    requirements: state.run.requirements,
    policy: state.run.policy,
    policyHash: HASH,
  });

  const ofTask = (task: string): NewEvent => {
    const change = COMMIT;
    const events: NewEvent[] = [
      { type: "task.ready", task },
      { type: "task.queued", task, attempt: 1, change },
      { type: "task.returned", task, reason: "the tip moved" },
      { type: "task.quarantined", task, reason: "three red attempts" },
      { type: "attempt.started", task, attempt: 1 + number(3), base: COMMIT },
      { type: "merge.landed", task, commit: COMMIT, change, receipt: "rc", branch: "b" },
      { ...called("s1", `c${number(1e9)}`, number(500)), task },
    ];
    return pick(events) ?? note("");
  };

  const ofStep = (step: string): NewEvent => {
    const events: NewEvent[] = [
      { type: "step.dispatched", step, dispatch: 1 + number(9), lost: random() < 0.5, reason: "" },
      { type: "step.finished", step, result: moved },
    ];
    return pick(events) ?? note("");
  };

  const ofRun = (): NewEvent => {
    const text = `${number(100)}`;
    const events: NewEvent[] = [
      stepRequested(`s${number(9)}`),
      { type: "thread.started", kind: "task", id: `t${number(5)}` },
      { type: "thread.finished", kind: "task", id: `t${number(5)}` },
      { type: "question.asked", question: `q${number(9)}`, text, reason: text },
      { type: "run.paused", reason: text },
      { type: "run.resumed" },
      { type: "budget.raised", budget: number(1e6) },
      called("s1", `c${number(1e9)}`, number(500)),
      note(text),
    ];
    return pick(events) ?? note("");
  };

  return (state: RunState): NewEvent => {
    const task = pick(Object.keys(state.tasks));
    const step = pick(Object.keys(state.steps));
    const question = pick(Object.keys(state.questions));
    const kind = number(8);
    if (kind === 0) return proposed(state);
    if (kind === 1 && Object.keys(state.plans).length > 0) return accepted(state);
    if (kind <= 3 && task !== undefined) return ofTask(task);
    if (kind === 4 && step !== undefined) return ofStep(step);
    if (kind === 5 && question !== undefined)
      return { type: "question.answered", question, text: "yes" };
    return ofRun();
  };
};

it.each([1, 2, 3, 4])(
  "stores rows that are what the whole log folds to, in the same order, for random log %i",
  async (seed) => {
    const random = seeded(seed);
    const next = eventSource(random);
    const dir = await mkdtemp(join(tmpdir(), "headrace-folds-"));
    const open = () => openStore({ file: join(dir, "headrace.db"), clock: new ManualClock() });
    let store = await open();
    try {
      await store.append("r1", [submitted()]);
      for (let i = 0; i < 150; i++) {
        await store.append("r1", (state) =>
          state === undefined ? [] : Array.from({ length: 1 + (i % 2) }, () => next(state)),
        );
        if (random() < 0.1) {
          await store.close();
          store = await open();
        }
        const folded = foldAll(await store.events("r1"));
        expect(JSON.stringify(await store.state("r1"))).toBe(JSON.stringify(folded));
      }
      expect(await store.integrity()).toEqual([]);
    } finally {
      await store.close();
      await rm(dir, { recursive: true });
    }
  },
);
