import { type Fence, fromUsd, type Role } from "@headrace/domain";
import { expect, test } from "vitest";
import { controlRig } from "../support/control-rig.ts";
import { callFor, failed } from "./suites/factory-api-context.ts";

const HOUR_S = 60 * 60;

/** A client hangs up after so long. */
const SILENT_S = 120;

type Rig = Awaited<ReturnType<typeof controlRig>>;

/** One job that asks for a reply again and again, and is hung up on each time. Times in seconds. */
class Worker {
  readonly #rig: Rig;
  readonly #run: string;
  readonly #step: string;
  readonly #role: Role;
  #fence: Fence | undefined;
  #ask = callFor();
  #call: string | undefined;
  #due = 0;
  held = 0;

  constructor(rig: Rig, { run, step, role }: { run: string; step: string; role: Role }) {
    this.#rig = rig;
    this.#run = run;
    this.#step = step;
    this.#role = role;
  }

  async look(now: number): Promise<void> {
    const { api } = this.#rig.control;
    if (this.#fence !== undefined && now % 20 === 0) await api.renew(this.#fence);
    if (now < this.#due) return;
    const fence = this.#fence ?? (await this.#claim());
    if (this.#call !== undefined)
      await api.settle(fence, this.#call, {
        ...failed("network", { billed: true }),
        durationMs: SILENT_S * 1_000,
      });
    this.#call = undefined;
    const grant = await api.reserve(fence, this.#ask);
    if (grant.kind === "granted") {
      this.#call = grant.call;
      this.held += 1;
      this.#due = now + SILENT_S;
    } else if (grant.kind === "wait") {
      this.#due = now + Math.ceil(grant.ms / 1_000);
    } else if (grant.kind === "deferred") {
      const { until: at, reason } = grant;
      await api.outcome(fence, { kind: "retry", at, reason });
      this.#fence = undefined;
      const ms = Date.parse(at) - this.#rig.clock.now().getTime();
      this.#due = now + Math.ceil(ms / 1_000);
    } else throw new Error(JSON.stringify(grant));
  }

  async #claim(): Promise<Fence> {
    const reply = await this.#rig.control.api.claim(this.#run, this.#step, this.#step);
    if (reply.kind !== "claimed") throw new Error(JSON.stringify(reply));
    this.#fence = reply.claim.fence;
    this.#ask = callFor({ role: this.#role });
    return this.#fence;
  }
}

/** A run with jobs of this role, which nothing but the test sees to. */
const withJobs = async (rig: Rig, role: Role, jobs: number): Promise<[string, string[]]> => {
  const { submission, pack } = await rig.submission();
  const { run } = await rig.control.commands.submit(
    { ...submission, budget: fromUsd(1_000) },
    pack,
  );
  const steps = Array.from({ length: jobs }, (_, n) => `${run}-${n}`);
  const input = { kind: "agent", role, commit: submission.base, attempt: 1 } as const;
  const thread = { kind: "plan" as const, id: "plan" };
  const agent = { ...input, conversation: 1, brief: {} };
  for (const step of steps)
    await rig.store.append(run, [
      { type: "step.requested", step, thread, subject: "plan", input: agent },
    ]);
  return [run, steps];
};

const NIGHT_H = 8;

// after the first hangs a circuit opens for five minutes, then ten, and lets one call an hour through in the end
test.each<[Role, { first: number; night: number; usd: number }]>([
  ["coder", { first: 7, night: 14, usd: 3.5 }],
  ["planner", { first: 14, night: 28, usd: 4.6 }],
])(
  "four workers beside providers that say nothing hold 7 calls with each in the first hour, and one in each later hour of a night (%s: %j)",
  async (role, { first, night, usd }) => {
    await using rig = await controlRig();
    const [run, steps] = await withJobs(rig, role, 4);
    const workers = steps.map((step) => new Worker(rig, { run, step, role }));
    const afterHour: number[] = [];
    for (let now = 0; now < NIGHT_H * HOUR_S; now++) {
      for (const worker of workers) await worker.look(now);
      rig.clock.advance(1_000);
      if ((now + 1) % HOUR_S === 0) afterHour.push((await rig.store.calls(run)).length);
    }
    const [inFirst = 0, inNight = 0] = [afterHour.at(0), afterHour.at(-1)];
    expect(inFirst).toBeGreaterThan(4);
    expect(inFirst).toBeLessThanOrEqual(first);
    // it is asked again and again, so that its return is noticed
    expect(new Set(afterHour).size).toBe(NIGHT_H);
    expect(inNight).toBeLessThanOrEqual(night);
    const held = (await rig.store.calls(run)).reduce((sum, { amount }) => sum + amount, 0);
    expect(held).toBeLessThanOrEqual(fromUsd(usd));
  },
);

test("an ask of which two calls may have been billed rests, whoever was asked", async () => {
  await using rig = await controlRig();
  const [run, [step = ""]] = await withJobs(rig, "planner", 1);
  const { api } = rig.control;
  const reply = await api.claim(run, step, "w1");
  if (reply.kind !== "claimed") throw new Error(JSON.stringify(reply));
  const { fence } = reply.claim;
  const ask = callFor({ role: "planner" });
  const next = async () => {
    const grant = await api.reserve(fence, ask);
    if (grant.kind === "wait") rig.clock.advance(grant.ms);
    return grant.kind === "wait" ? api.reserve(fence, ask) : grant;
  };
  for (const billed of [false, true, true]) {
    const grant = await next();
    if (grant.kind !== "granted") throw new Error(JSON.stringify(grant));
    await api.settle(fence, grant.call, failed("network", { billed }));
  }
  const rests = await next();
  if (rests.kind !== "deferred") throw new Error(JSON.stringify(rests));
  expect(Date.parse(rests.until) - rig.clock.now().getTime()).toBeLessThanOrEqual(30_000);
  const states = (await rig.store.calls(run)).map(({ state }) => state);
  expect(states).toEqual(["released", "estimated", "estimated"]);
  expect((await api.reserve(fence, callFor({ role: "planner" }))).kind).toBe("granted");
});
