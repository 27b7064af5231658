import {
  type Claim,
  type FactoryApi,
  type Fence,
  HostileTreeError,
  type ModelReply,
  NO_USAGE,
  type RunState,
  StaleEpochError,
  type StepInput,
  type StepOutcome,
  type StoredEvent,
} from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

export type ApiFixture = AsyncDisposable & {
  api: FactoryApi;
  /** a run under way with a budget of one dollar, a coder priced like claude-sonnet-5, and a task `t1` */
  run: string;
  base: string;
  /** Asks for a step of task t1, attempt 1; answers its id. */
  request(name: string, input: StepInput): Promise<string>;
  /** A commit on the base that holds one more file, as a worker's sandbox would hand it in. */
  commit(path: string): Promise<{ pack: Uint8Array; commit: string }>;
  /** A commit whose tree must not come in. */
  hostile(): Promise<{ pack: Uint8Array; commit: string }>;
  /** Lets time pass. */
  advance(ms: number): void;
  pause(): Promise<void>;
  state(): Promise<RunState>;
  events(): Promise<StoredEvent[]>;
};

const MODEL = "claude-sonnet-5";
/** 16,000 tokens of output of a middle model: a quarter of the budget. */
const CALL = { role: "coder" as const, model: MODEL, inputTokens: 1_000, maxOutput: 16_000 };
const BEYOND_LEASE_MS = 10 * 60_000;
const bytes = (text: string) => new TextEncoder().encode(text);

const reply = (text = "done"): ModelReply => ({
  id: "msg_1",
  model: MODEL,
  stopReason: "end_turn",
  content: [{ type: "text", text }],
  usage: { ...NO_USAGE, input: 1_000, output: 100 },
});

/** What every `FactoryApi` does, in the process or over a network. */
export const factoryApiSuite = (name: string, make: () => Promise<ApiFixture>): void => {
  describe(`${name} as a worker's way to the control plane`, () => {
    let fixture: ApiFixture;
    let api: FactoryApi;
    beforeEach(async () => {
      fixture = await make();
      api = fixture.api;
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    const agent = (over: Record<string, unknown> = {}): StepInput => ({
      kind: "agent",
      role: "coder",
      commit: fixture.base,
      attempt: 1,
      conversation: 1,
      brief: {},
      ...over,
    });
    const claimed = async (step: string, worker = "w1"): Promise<Claim> => {
      const answer = await api.claim(fixture.run, step, worker);
      if (answer.kind !== "claimed") throw new Error(`${step} was not claimed: ${answer.kind}`);
      return answer.claim;
    };
    const working = async (input = agent()): Promise<Claim> =>
      claimed(await fixture.request("code-1", input));
    const granted = async (fence: Fence, call = CALL): Promise<string> => {
      const grant = await api.reserve(fence, call);
      if (grant.kind !== "granted") throw new Error(`not granted: ${grant.reason}`);
      return grant.call;
    };
    const spend = async () => (await fixture.state()).run.spent;

    it("gives with a claim all that a worker knows of the run", async () => {
      const step = await fixture.request("code-1", agent());
      const claim = await claimed(step);
      const { run } = await fixture.state();
      expect(claim).toMatchObject({
        fence: { run: fixture.run, step, epoch: 1 },
        subject: "t1",
        task: "t1",
        attempt: 1,
        input: agent(),
        base: fixture.base,
        policy: run.policy,
        policyHash: run.policyHash,
        routes: run.routes,
        model: run.model,
        guidance: [],
        records: [],
      });
    });

    it("is busy while a lease lives, and gives a new epoch when it has run out", async () => {
      const { fence, until } = await working();
      expect(await api.claim(fixture.run, fence.step, "w2")).toEqual({ kind: "busy", until });
      fixture.advance(BEYOND_LEASE_MS);
      expect((await claimed(fence.step, "w2")).fence.epoch).toBe(2);
    });

    it("calls a claim stale where there is nothing to do", async () => {
      const kind = async (step: string) => (await api.claim(fixture.run, step, "w1")).kind;
      expect(await kind(`${fixture.run}-t1-unknown`)).toBe("stale");
      const { fence } = await working();
      const image = { kind: "environment" as const, image: "i", cached: true, durationMs: 1 };
      await api.outcome(fence, { kind: "done", result: image });
      expect(await kind(fence.step)).toBe("stale");
      const open = await fixture.request("code-2", agent());
      await fixture.pause();
      expect(await kind(open)).toBe("stale");
    });

    it("prolongs the lease at a renewal, and says when the work is to stop", async () => {
      const { fence, until } = await working();
      fixture.advance(1_000);
      const renewed = await api.renew(fence);
      expect(Date.parse(renewed.until)).toBeGreaterThan(Date.parse(until));
      expect(renewed.signals).toEqual([]);
      await fixture.pause();
      expect((await api.renew(fence)).signals).toMatchObject([{ kind: "cancel" }]);
    });

    const stopped: StepOutcome = { kind: "stopped", reason: "x" };
    it.each<[string, (fence: Fence, call: string) => Promise<unknown>]>([
      ["renew", (f) => api.renew(f)],
      ["appendRecord", (f) => api.appendRecord(f, { kind: "note", turn: 0, text: "late" })],
      ["putBlob", (f) => api.putBlob(f, bytes("late"))],
      ["getBlob", (f) => api.getBlob(f, "0".repeat(64))],
      ["reserve", (f) => api.reserve(f, CALL)],
      [
        "settle",
        (f, call) => api.settle(f, call, { kind: "reply", turn: 1, reply: reply(), durationMs: 1 }),
      ],
      ["report", (f) => api.report(f, { type: "note.added", level: "info", text: "late" })],
      ["getPack", (f) => api.getPack(f, fixture.base, [])],
      [
        "putPack",
        async (f) => {
          const { pack, commit } = await fixture.commit("late.txt");
          await api.putPack(f, pack, commit);
        },
      ],
      ["outcome stopped", (f) => api.outcome(f, stopped)],
      ["outcome retry", (f) => api.outcome(f, { kind: "retry", at: "", reason: "late" })],
      ["outcome infrastructure", (f) => api.outcome(f, { kind: "infrastructure", reason: "late" })],
      ["outcome budget", (f) => api.outcome(f, { kind: "budget", reason: "late" })],
      ["outcome fatal", (f) => api.outcome(f, { kind: "fatal", reason: "late" })],
      [
        "outcome done",
        (f) =>
          api.outcome(f, {
            kind: "done",
            result: { kind: "agent", result: { end: "blocked", reason: "late" } },
          }),
      ],
    ])("refuses an epoch that was overtaken, and nothing comes of it (%s)", async (_, late) => {
      const { fence } = await working();
      const call = await granted(fence);
      fixture.advance(BEYOND_LEASE_MS);
      await claimed(fence.step, "w2");
      const before = await fixture.events();
      await expect(late(fence, call)).rejects.toThrow(StaleEpochError);
      expect(await fixture.events()).toEqual(before);
      expect(await api.claim(fixture.run, fence.step, "w3")).toMatchObject({ kind: "busy" });
    });

    it("grants calls until the next does not fit the budget", async () => {
      const { fence } = await working();
      const calls = [await granted(fence), await granted(fence), await granted(fence)];
      expect(new Set(calls).size).toBe(3);
      const fourth = await api.reserve(fence, { ...CALL, maxOutput: 30_000 });
      expect(fourth).toMatchObject({ kind: "refused", why: "budget" });
      expect(fourth.kind === "refused" && fourth.reason).toMatch(/\$0\.\d+/);
      await api.settle(fence, calls[0] ?? "", {
        kind: "failed",
        class: "overload",
        reason: "busy",
        billed: false,
        retryInMs: null,
      });
      expect(await granted(fence)).toBeTruthy();
    });

    it("refuses a model without a price, and begins no call in a run that is paused", async () => {
      const { fence } = await working();
      expect(await api.reserve(fence, { ...CALL, model: "nobody-knows" })).toMatchObject({
        kind: "refused",
        why: "unpriced",
      });
      await fixture.pause();
      expect(await api.reserve(fence, CALL)).toMatchObject({ kind: "stopped" });
      expect(await spend()).toBe(0);
    });

    it("commits a reply once, as record, event and cost together", async () => {
      const { fence } = await working();
      const call = await granted(fence);
      const settlement = { kind: "reply" as const, turn: 1, reply: reply(), durationMs: 12 };
      await api.settle(fence, call, settlement);
      const spent = await spend();
      // 1,000 tokens of input and 100 of output, in pico-dollars
      expect(spent).toBe(1_000 * 3_000 + 100 * 15_000);
      await api.settle(fence, call, settlement);
      expect(await spend()).toBe(spent);
      const called = (await fixture.events()).filter((e) => e.type === "model.called");
      expect(called).toMatchObject([
        { call, task: "t1", attempt: 1, role: "coder", cost: spent, estimated: false },
      ]);
      await api.outcome(fence, stopped);
      expect((await claimed(fence.step)).records).toEqual([
        { kind: "reply", turn: 1, reply: reply() },
      ]);
    });

    it("keeps the reservation of a failed call that may be billed, as an estimate", async () => {
      const { fence } = await working();
      const failed = { kind: "failed" as const, class: "network", reason: "cut", retryInMs: 5 };
      await api.settle(fence, await granted(fence), { ...failed, billed: false });
      expect(await spend()).toBe(0);
      await api.settle(fence, await granted(fence), { ...failed, billed: true });
      expect(await spend()).toBeGreaterThan(16_000 * 15_000);
      const told = (await fixture.events()).map((e) => e.type).filter((t) => t.startsWith("model"));
      expect(told).toEqual(["model.failed", "model.failed", "model.called"]);
    });

    it("gives a later claim the records of the earlier ones, in order", async () => {
      const { fence } = await working();
      await api.appendRecord(fence, { kind: "note", turn: 0, text: "one" });
      await api.outcome(fence, stopped);
      const second = await claimed(fence.step);
      await api.appendRecord(second.fence, { kind: "note", turn: 0, text: "two" });
      await api.outcome(second.fence, stopped);
      const { records } = await claimed(fence.step);
      expect(records.map((r) => r.kind === "note" && r.text)).toEqual(["one", "two"]);
    });

    it("keeps blobs by their content", async () => {
      const { fence } = await working();
      const id = await api.putBlob(fence, bytes("a log"));
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(Buffer.from((await api.getBlob(fence, id)) ?? []).toString()).toBe("a log");
      expect(await api.getBlob(fence, "0".repeat(64))).toBeUndefined();
    });

    it("serves the commits that the step or its records name, and no other", async () => {
      const other = await working();
      const secret = await fixture.commit("secret.txt");
      await api.putPack(other.fence, secret.pack, secret.commit);
      await api.appendRecord(other.fence, { kind: "snapshot", turn: 1, commit: secret.commit });
      const isPack = async (fence: Fence, commit: string) =>
        Buffer.from((await api.getPack(fence, commit, [])).subarray(0, 4)).toString() === "PACK";
      expect(await isPack(other.fence, fixture.base)).toBe(true);
      expect(await isPack(other.fence, secret.commit)).toBe(true);

      const mine = await claimed(await fixture.request("review-1", agent({ role: "reviewer" })));
      await expect(api.getPack(mine.fence, secret.commit, [])).rejects.toThrow(secret.commit);
      await expect(api.getPack(mine.fence, "0".repeat(40), [])).rejects.toThrow();
    });

    it("refuses a tree that must not come in, with what is to be changed", async () => {
      const { fence } = await working();
      const { pack, commit } = await fixture.hostile();
      const refused = await api.putPack(fence, pack, commit).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(HostileTreeError);
      expect((refused as HostileTreeError).problems.join()).toContain("link");
      await api.appendRecord(fence, { kind: "snapshot", turn: 1, commit });
      await expect(api.getPack(fence, commit, [])).rejects.toThrow();
    });

    it("tells a worker's events under the step's task and attempt", async () => {
      const { fence } = await working();
      await api.report(fence, { type: "note.added", level: "info", text: "hello" });
      expect((await fixture.events()).at(-1)).toMatchObject({
        type: "note.added",
        text: "hello",
        task: "t1",
        attempt: 1,
      });
    });

    it("ends a step with its result", async () => {
      const { fence } = await working();
      const result = { kind: "agent" as const, result: { end: "blocked" as const, reason: "no" } };
      await api.outcome(fence, { kind: "done", result });
      expect((await fixture.state()).steps[fence.step]).toMatchObject({ result });
      await expect(api.outcome(fence, { kind: "done", result })).rejects.toThrow(StaleEpochError);
    });

    it.each<[StepOutcome["kind"], StepOutcome]>([
      ["stopped", stopped],
      ["retry", { kind: "retry", at: new Date(0).toISOString(), reason: "rate limit" }],
    ])("lets another worker have a step at once (%s)", async (_, outcome) => {
      const { fence } = await working();
      await api.outcome(fence, outcome);
      const state = await fixture.state();
      expect(state.run.status).toBe("active");
      expect(state.steps[fence.step]).toMatchObject({ lost: 0 });
      expect((await claimed(fence.step, "w2")).fence.epoch).toBe(2);
    });

    it("dispatches a step again that infrastructure lost, and fails the run after eight", async () => {
      const lost: StepOutcome = { kind: "infrastructure", reason: "the engine went away" };
      const { fence } = await working();
      await api.outcome(fence, lost);
      const row = (await fixture.state()).steps[fence.step];
      expect(row).toMatchObject({ lost: 1, dispatch: 1 });
      for (let i = 2; i <= 8; i++) await api.outcome((await claimed(fence.step)).fence, lost);
      const { run } = await fixture.state();
      expect(run.status).toBe("failed");
      expect(run.reasons[0]).toContain("the engine went away");
    });

    it.each<[StepOutcome["kind"], string]>([
      ["fatal", "failed"],
      ["budget", "budget"],
    ])("stops the run where a person must act (%s)", async (kind, status) => {
      const { fence } = await working();
      await api.outcome(fence, { kind, reason: "see to it" } as StepOutcome);
      expect((await fixture.state()).run.status).toBe(status);
    });
  });
};
