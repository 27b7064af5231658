import type { Clock, Fence, ModelReply, NewEvent, Reservation, Store } from "@headrace/domain";
import { accountsOf, NO_USAGE } from "@headrace/domain";

export const START = Date.parse("2026-11-21T08:00:00.000Z");
const HASH = "0".repeat(64);
export const COMMIT = "c".repeat(40);

/** The same numbers for the same seed (mulberry32). */
export const seeded = (seed: number) => {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now = START;
  #ids = 0;
  readonly random = seeded(1);
  now = () => new Date(this.#now);
  id = () => `id-${++this.#ids}`;
  sleep = async (ms: number) => this.advance(ms);
  advance(ms: number): void {
    this.#now += ms;
  }
}

export const submitted = (budget = 1000): NewEvent => ({
  type: "run.submitted",
  title: "a small tool",
  spec: HASH,
  requirements: [{ id: "r1", text: "it works", span: { from: 1, to: 1 }, source: "listed" }],
  constraints: [],
  base: COMMIT,
  repo: { path: "/repo", name: "repo" },
  policy: {
    gates: [],
    setup: [],
    protected: [],
    env: {},
    limits: { memoryMb: 512, cpus: 1, pids: 64, diskMb: 1024, inodes: 100_000 },
    tools: [],
    services: [],
    network: { setup: [], research: [] },
    isolation: { runtime: "default", userns: "any" },
    from: { gates: "none", setup: "none" },
  },
  guidance: HASH,
  budget,
  amounts: "pico",
  model: { kind: "provider" },
  routes: { coder: "some-model" },
});

export const note = (text: string): NewEvent => ({ type: "note.added", level: "info", text });

export const stepRequested = (step: string): NewEvent => ({
  type: "step.requested",
  step,
  subject: "plan",
  thread: { kind: "run", id: "run" },
  input: { kind: "environment", commit: COMMIT },
});

export const called = (step: string, call: string, cost: number): NewEvent => ({
  type: "model.called",
  call,
  step,
  role: "coder",
  model: "some-model",
  usage: { ...NO_USAGE, input: 10, output: 5 },
  cost,
  estimated: false,
  durationMs: 1200,
});

export const reply = (text: string): ModelReply => ({
  id: "msg-1",
  model: "some-model",
  stopReason: "end_turn",
  content: [{ type: "text", text }],
  usage: { ...NO_USAGE, input: 10, output: 5 },
});

export const call = (id: string, amount: number, tokens = 100): Reservation => ({
  id,
  role: "coder",
  turn: 1,
  ask: `ask-of-${id}`,
  provider: "anthropic",
  model: "some-model",
  amount,
  tokens,
});

/** The accounts above a call of run r1, of which the run's has a limit. */
export const within = (run: number) => ({
  accounts: accountsOf({ run: "r1" }, { run }, new Date(START)),
});

/** Claims a step that is free, or fails. */
export const claimed = async (
  store: Store,
  run: string,
  step: string,
  ttlMs = 1000,
): Promise<Fence> => {
  const answer = await store.claim(run, step, "worker-1", ttlMs);
  if (answer.kind === "busy") throw new Error(`step ${step} is claimed until ${answer.until}`);
  return { run, step, epoch: answer.epoch };
};
