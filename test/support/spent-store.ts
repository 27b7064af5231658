import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CallState,
  type ClassedCall,
  classedSums,
  type NewEvent,
  NO_USAGE,
  PlanProposal,
  type Role,
  type SpendPart,
  type Store,
  type TokenUsage,
  type TryRow,
} from "@headrace/domain";
import { openStore } from "@headrace/store";
import { COMMIT, claimed, ManualClock, submitted } from "../contract/suites/store-fixtures.ts";
import { played } from "./played-line.ts";

export const LANDING = "d".repeat(40);
const CENT = 10_000_000_000;
const WU = 1_000_000_000;

type Made = {
  id: string;
  role: Role;
  subject: string;
  cents: number;
  /** undefined: nobody has said what it is worth */
  wu?: number;
  state?: Exclude<CallState, "open">;
  usage?: TokenUsage;
  model?: string;
  /** in cents; absent: in flight */
  parts?: Array<[SpendPart, number]>;
  tried?: Partial<TryRow>;
  /** what the provider says, in cents */
  billed?: number;
  /** by how many cents what it is said to have used is above what was held */
  above?: number;
};

const usage = (input: number, cacheWrite5m: number, cacheRead: number, output: number) => ({
  ...{ ...NO_USAGE, input, cacheWrite5m, cacheRead, output },
});

const converted: SpendPart = { as: "converted", commit: LANDING, amount: 0 };
const overhead = { as: "overhead", kind: "planning", amount: 0 } as const;
const waste = (kind: "rejected" | "abandoned") => ({ as: "waste", kind, amount: 0 }) as const;

/** A dollar in all: what stands here as known is what `headrace spend` must say. */
const CALLS: readonly Made[] = [
  {
    ...{ id: "c1", role: "planner", subject: "plan", cents: 10, wu: 100 },
    ...{ usage: usage(1_000, 0, 0, 100), parts: [[overhead, 10]] },
  },
  {
    ...{ id: "c2", role: "coder", subject: "one", cents: 60, wu: 600 },
    usage: usage(1_000, 2_000, 6_000, 500),
    parts: [
      [converted, 45],
      [waste("rejected"), 15],
    ],
    tried: { durationMs: 4_000, served: "=1+1" },
    billed: 58,
  },
  {
    ...{ id: "c3", role: "coder", subject: "two", cents: 20, state: "estimated" },
    ...{ parts: [[waste("abandoned"), 20]], tried: { outcome: "overload", status: 529 } },
  },
  {
    ...{ id: "c4", role: "reviewer", subject: "one", cents: 10, wu: 100, model: '=HYPERLINK("x")' },
    ...{ usage: usage(0, 0, 0, 0), above: 5 },
  },
];

/** A run `id` as it may stand in a store: one task landed, one given up, a review still in flight. */
const writeRun = async (store: Store, id: string): Promise<void> => {
  const tasks = [played("one"), played("two")];
  const proposal = PlanProposal.parse({ summary: "As given.", tasks });
  const first = submitted(1_000 * CENT);
  if (first.type !== "run.submitted") throw new Error("a run begins with its submission");
  const { requirements, policy } = first;
  const log: NewEvent[] = [
    first,
    { type: "plan.proposed", plan: { ...proposal, version: 1 }, round: 1 },
    { type: "plan.accepted", version: 1, requirements, policy, policyHash: "0".repeat(64) },
    { type: "task.ready", task: "one" },
    { type: "task.ready", task: "two" },
  ];
  await store.append(id, log);
  for (const made of CALLS) await writeCall(store, id, made);
  const landed = { commit: LANDING, change: COMMIT, receipt: "rc-1", branch: "b" };
  await store.append(id, [
    { type: "merge.landed", ...landed, task: "one" },
    { type: "task.quarantined", reason: "red", task: "two" },
  ]);
  const classed = CALLS.flatMap(({ id: call, parts }): ClassedCall[] =>
    parts === undefined
      ? []
      : [
          {
            call: `${id}-${call}`,
            parts: parts.map(([part, n]) => ({ ...part, amount: n * CENT })),
          },
        ],
  );
  await store.classify(id, classed, [{ type: "spend.classed", ...classedSums(classed) }]);
};

const writeCall = async (store: Store, run: string, made: Made): Promise<void> => {
  const { role, subject, state = "settled", model = "m", wu, usage: used } = made;
  const task = subject === "plan" ? {} : { task: subject, attempt: 1 };
  const [step, ask, provider] = [`${run}-${subject}-${role}`, `ask-${made.id}`, "anthropic"];
  const [id, cost] = [`${run}-${made.id}`, made.cents * CENT];
  const thread = { kind: "task" as const, id: subject };
  const input = { kind: "environment" as const, commit: COMMIT };
  await store.append(run, [{ type: "step.requested", step, subject, thread, input, ...task }]);
  const fence = await claimed(store, run, step);
  const considered = [
    { candidate: `${provider}/${model}`, why: "chosen" as const },
    { candidate: "other/m", why: "not-needed" as const },
  ];
  const at = new Date(Date.UTC(2026, 10, 21, 8)).toISOString();
  const row = { at, run, step, ...task, turn: 1, ask };
  await store.recordDemand({ ...row, decision: { role, outcome: "chosen", considered } });
  const reservation = {
    id,
    role,
    ...task,
    turn: 1,
    ask,
    provider,
    model,
    amount: cost,
    tokens: 10_000,
  };
  const accounts = [{ level: "run" as const, path: `run/${run}` }];
  await store.reserve(fence, reservation, { accounts });
  const known = {
    ...(used === undefined ? {} : { usage: used }),
    ...(wu === undefined ? {} : { work: wu * WU }),
  };
  const billed = made.billed === undefined ? {} : { reportedCost: made.billed * CENT };
  const reported = cost + (made.above ?? 0) * CENT;
  const called: NewEvent = {
    ...{ type: "model.called", call: id, step, role, model, provider, cost: reported, ...task },
    ...{ estimated: state === "estimated", durationMs: 1_000, usage: NO_USAGE, ...known },
  };
  const tried: TryRow = {
    ...{ ...row, role, call: id, provider, model, outcome: "ok", durationMs: 1_000, cost },
    ...(used === undefined ? { estimated: true } : { usage: used }),
    ordinal: 1,
    ...made.tried,
  };
  const settled = { id, state, cost: reported, ...known, ...billed };
  await store.settle(fence, settled, { events: [called], tried });
  await store.release(fence);
};

/** A data directory whose store holds these runs, all alike, and one choice of a model that came to nothing. */
export const writeSpentStore = async (data: string, runs: readonly string[]): Promise<void> => {
  await mkdir(data, { recursive: true });
  const store = await openStore({ file: join(data, "headrace.db"), clock: new ManualClock() });
  for (const run of runs) await writeRun(store, run);
  const [run = ""] = runs;
  const at = new Date(Date.UTC(2026, 10, 21, 9)).toISOString();
  const considered = [{ candidate: "anthropic/m", why: "rate-limited" as const }];
  await store.recordDemand({
    ...{ at, run, step: `${run}-one-coder`, task: "one", turn: 2, ask: "ask-late" },
    decision: { role: "coder", outcome: "deferred", until: at, considered },
    reason: 'anthropic asks for a pause,\nit says "later"',
  });
  await store.close();
};
