import type { StepResult } from "../index.ts";
import { oid, RunLog } from "../run-log-fixture.ts";
import { type AgentEnd, type Role, stepId, type ThreadKind } from "../steps.ts";
import { NO_USAGE, type TokenUsage } from "../usage.ts";
import type { AnsweredCall } from "./classify.ts";

const RUN = "run-1";

const ENDS = {
  submitted: { end: "submitted", output: {}, model: "m", turns: 1 },
  question: { end: "blocked", reason: "unclear", question: "Which one?" },
  blocked: { end: "blocked", reason: "impossible" },
  limit: { end: "limit", limit: "turns", detail: "80 turns used" },
} satisfies Record<string, AgentEnd>;

export type Conversation = {
  step: string;
  role: Role;
  thread?: ThreadKind;
  task?: string;
  attempt?: number;
  /** undefined: it goes on */
  end?: keyof typeof ENDS;
  commit?: string;
  snapshot?: string;
};

/** A run's log and calls, each call in a conversation of its own unless told otherwise. */
export class SpentRun extends RunLog {
  readonly calls: AnsweredCall[] = [];

  constructor() {
    super({ amounts: "pico" });
  }

  /** Has an agent do something; answers with the id of its step. */
  converse(asked: Conversation): string {
    const { role, task, attempt = 1, end, commit = oid("a"), snapshot } = asked;
    const kind = asked.thread ?? "task";
    const id = { plan: `v${attempt}`, run: "run", task: task ?? "", landing: `${task}-${attempt}` };
    const subject = task ?? (kind === "plan" ? "plan" : "end");
    const step = stepId(RUN, subject, asked.step);
    const owner = { ...(task === undefined ? {} : { task }), attempt };
    const common = { kind: "agent" as const, role, commit, attempt, conversation: 1, brief: {} };
    const thread = { kind, id: id[kind] };
    this.add({ type: "step.requested", step, subject, thread, input: common }, owner);
    if (end !== undefined) {
      const result = { ...ENDS[end], ...(snapshot === undefined ? {} : { snapshot }) } as AgentEnd;
      this.finish(step, { kind: "agent", result }, owner);
    }
    return step;
  }

  finish(step: string, result: StepResult, owner: { task?: string; attempt?: number } = {}): this {
    return this.add({ type: "step.finished", step, result }, owner);
  }

  /** A later attempt begins from the work before it, merged with the tip. */
  prepare(task: string, attempt: number): this {
    const step = stepId(RUN, task, `prepare-${attempt}`);
    const thread = { kind: "task" as const, id: task };
    const input = { kind: "merge" as const, change: oid("b") };
    return this.add(
      { type: "step.requested", step, subject: task, thread, input },
      { task, attempt },
    );
  }

  /** The attempt is taken up by the merge queue. */
  merging(task: string, attempt: number): this {
    this.add({ type: "task.queued", change: oid("b") }, { task, attempt });
    const members: [{ task: string; attempt: number; change: string }] = [
      { task, attempt, change: oid("b") },
    ];
    const id = `${task}-${attempt}`;
    return this.add({ type: "thread.started", kind: "landing", id, members });
  }

  landing(task: string): this {
    const landing = { commit: oid("c"), change: oid("b"), receipt: "rc-1", branch: "b" };
    return this.add({ type: "merge.landed", ...landing }, { task });
  }

  call(step: string, over: Partial<AnsweredCall> = {}): string {
    const id = `call-${this.calls.length + 1}`;
    const at = new Date(Date.UTC(2026, 10, 21, 12, 0, this.calls.length)).toISOString();
    const { role = "coder", task, attempt } = this.state.steps[step] ?? {};
    this.calls.push({
      ...{ id, run: RUN, step, epoch: 1, role, turn: 1, ask: `ask-${id}`, at },
      ...{ provider: "anthropic", model: "m", amount: 2_000, tokens: 100 },
      ...{ state: "settled", cost: 1_000, usage: NO_USAGE, replied: true },
      ...(task === undefined ? {} : { task }),
      ...(attempt === undefined ? {} : { attempt }),
      ...over,
    });
    return id;
  }
}

/** Input costs 10 a token, cache writes 12 and 20, reads 1, output 50. */
export const TEN_A_TOKEN = {
  cost: (model: string, usage: TokenUsage): number | undefined =>
    model === "unpriced"
      ? undefined
      : 10 * usage.input +
        12 * usage.cacheWrite5m +
        20 * usage.cacheWrite1h +
        usage.cacheRead +
        50 * usage.output,
};
