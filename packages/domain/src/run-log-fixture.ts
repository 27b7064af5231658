import { type EventBody, EventBody as EventSchema, type StoredEvent } from "./events.ts";
import { foldAll } from "./fold.ts";
import { PlanProposal, type Task } from "./plan.ts";
import { Policy } from "./policy.ts";
import type { RunState } from "./run-state.ts";

/** Object names for tests: `oid("a")` is forty times `a`. */
export const oid = (digit: string): string => digit.repeat(40);

export const policyWith = (over: Partial<Policy> = {}): Policy => ({
  ...Policy.parse({
    gates: [{ name: "test", run: "npm test" }],
    setup: [],
    protected: ["headrace.yaml", ".github/workflows/**"],
    from: { gates: "detected", setup: "none" },
  }),
  ...over,
});

/** A plan's task as a planner would write it; `over` holds what a test is about. */
export const taskInput = (id: string, over: Partial<Task> = {}): Record<string, unknown> => ({
  id,
  title: `Task ${id}`,
  description: "What to do",
  acceptance: ["it works"],
  requirements: ["r1"],
  ...over,
});

export const proposalOf = (
  tasks: Record<string, unknown>[],
  over: Record<string, unknown> = {},
): PlanProposal => PlanProposal.parse({ summary: "A plan", tasks, ...over });

/** A log of valid events, numbered as the store does it. */
export class RunLog {
  readonly events: StoredEvent[] = [];

  constructor(over: Partial<Extract<EventBody, { type: "run.submitted" }>> = {}) {
    this.add({
      type: "run.submitted",
      title: "A run",
      spec: "e".repeat(64),
      requirements: [{ id: "r1", text: "It works", span: { from: 1, to: 1 }, source: "listed" }],
      constraints: [],
      base: oid("a"),
      repo: { path: "/repo", name: "repo" },
      policy: policyWith(),
      guidance: "d".repeat(64),
      budget: 20_000_000_000_000,
      amounts: "pico",
      model: { kind: "provider" },
      routes: { coder: "some-model" },
      ...over,
    });
  }

  add(body: EventBody, about: { task?: string; attempt?: number } = {}): this {
    const seq = this.events.length + 1;
    const at = new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString();
    const envelope = { seq, at, run: "run-1", prev: "", hash: "" };
    this.events.push({ ...envelope, ...about, ...EventSchema.parse(body) });
    return this;
  }

  plan(version: number, tasks: Record<string, unknown>[]): this {
    this.add({ type: "plan.proposed", plan: { ...proposalOf(tasks), version }, round: 1 });
    return this.add({
      type: "plan.accepted",
      version,
      requirements: this.state.run.requirements,
      policy: policyWith(),
      policyHash: "c".repeat(64),
    });
  }

  start(task: string): this {
    return this.add({ type: "task.ready" }, { task });
  }

  queue(task: string): this {
    return this.start(task).add({ type: "task.queued", change: oid("b") }, { task, attempt: 1 });
  }

  land(task: string): this {
    const landing = { commit: oid("c"), change: oid("b"), receipt: "rc-1", branch: "b" };
    return this.queue(task).add({ type: "merge.landed", ...landing }, { task });
  }

  quarantine(task: string): this {
    return this.add({ type: "task.quarantined", reason: "three red attempts" }, { task });
  }

  ask(question: string, task?: string): this {
    const body = { type: "question.asked", question, text: "Which one?", reason: "open" } as const;
    return this.add(body, task === undefined ? {} : { task });
  }

  get state(): RunState {
    const state = foldAll(this.events);
    if (state === undefined) throw new Error("an empty log");
    return state;
  }
}
