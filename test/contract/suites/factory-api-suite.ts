import { type Fence, HostileTreeError, StaleEpochError, type StepOutcome } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import {
  apiContext,
  BEYOND_LEASE_MS,
  callFor,
  type MakeApi,
  replied,
} from "./factory-api-context.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What every `FactoryApi` does, in the process or over a network. */
export const factoryApiSuite = (name: string, make: MakeApi): void => {
  describe(`${name} as a worker's way to the control plane`, () => {
    const context = apiContext(make);
    const { agent, claimed, working, granted } = context;

    it("gives with a claim all that a worker knows of the run", async () => {
      const step = await context.fixture.request("code-1", agent());
      const claim = await claimed(step);
      const { run } = await context.fixture.state();
      expect(claim).toMatchObject({
        fence: { run: context.fixture.run, step, epoch: 1 },
        subject: "t1",
        task: "t1",
        attempt: 1,
        input: agent(),
        base: context.fixture.base,
        policy: run.policy,
        policyHash: run.policyHash,
        model: run.model,
        guidance: [],
        records: [],
      });
    });

    it("is busy while a lease lives, and gives a new epoch when it has run out", async () => {
      const { fence, until } = await working();
      expect(await context.api.claim(context.fixture.run, fence.step, "w2")).toEqual({
        kind: "busy",
        until,
      });
      context.fixture.advance(BEYOND_LEASE_MS);
      expect((await claimed(fence.step, "w2")).fence.epoch).toBe(2);
    });

    it("calls a claim stale where there is nothing to do", async () => {
      const kind = async (step: string) =>
        (await context.api.claim(context.fixture.run, step, "w1")).kind;
      expect(await kind(`${context.fixture.run}-t1-unknown`)).toBe("stale");
      const { fence } = await working();
      const image = { kind: "environment" as const, image: "i", cached: true, durationMs: 1 };
      await context.api.outcome(fence, { kind: "done", result: image });
      expect(await kind(fence.step)).toBe("stale");
      const open = await context.fixture.request("code-2", agent());
      await context.fixture.pause();
      expect(await kind(open)).toBe("stale");
    });

    it("prolongs the lease at a renewal, and says when the work is to stop", async () => {
      const { fence, until } = await working();
      context.fixture.advance(1_000);
      const renewed = await context.api.renew(fence);
      expect(Date.parse(renewed.until)).toBeGreaterThan(Date.parse(until));
      expect(renewed.signals).toEqual([]);
      await context.fixture.pause();
      expect((await context.api.renew(fence)).signals).toMatchObject([{ kind: "cancel" }]);
    });

    const stopped: StepOutcome = { kind: "stopped", reason: "x" };
    it.each<[string, (fence: Fence, call: string) => Promise<unknown>]>([
      ["renew", (f) => context.api.renew(f)],
      ["appendRecord", (f) => context.api.appendRecord(f, { kind: "note", turn: 0, text: "late" })],
      ["putBlob", (f) => context.api.putBlob(f, bytes("late"))],
      ["getBlob", (f) => context.api.getBlob(f, "0".repeat(64))],
      ["reserve", (f) => context.api.reserve(f, callFor())],
      ["began", (f, call) => context.api.began(f, call)],
      ["settle", (f, call) => context.api.settle(f, call, replied())],
      ["report", (f) => context.api.report(f, { type: "note.added", level: "info", text: "late" })],
      ["getPack", (f) => context.api.getPack(f, context.fixture.base, [])],
      [
        "putPack",
        async (f) => {
          const { pack, commit } = await context.fixture.commit("late.txt");
          await context.api.putPack(f, pack, commit);
        },
      ],
      ["outcome stopped", (f) => context.api.outcome(f, stopped)],
      ["outcome retry", (f) => context.api.outcome(f, { kind: "retry", at: "", reason: "late" })],
      [
        "outcome infrastructure",
        (f) => context.api.outcome(f, { kind: "infrastructure", reason: "late" }),
      ],
      ["outcome budget", (f) => context.api.outcome(f, { kind: "budget", reason: "late" })],
      ["outcome fatal", (f) => context.api.outcome(f, { kind: "fatal", reason: "late" })],
      [
        "outcome done",
        (f) =>
          context.api.outcome(f, {
            kind: "done",
            result: { kind: "agent", result: { end: "blocked", reason: "late" } },
          }),
      ],
    ])(
      "refuses an epoch that was overtaken, and nothing comes of it (%s)",
      async (method, late) => {
        const { fence } = await working();
        const { call } = await granted(fence);
        context.fixture.advance(BEYOND_LEASE_MS);
        await claimed(fence.step, "w2");
        const before = await context.fixture.events();
        await expect(late(fence, call)).rejects.toThrow(StaleEpochError);
        const since = (await context.fixture.events()).slice(before.length);
        // the reply of a late settlement is refused as all else is, and what it knows of the bill corrects the estimate
        const corrected = method === "settle" ? ["model.called", "model.adjusted"] : [];
        expect(since.map(({ type }) => type)).toEqual(corrected);
        expect(await context.api.claim(context.fixture.run, fence.step, "w3")).toMatchObject({
          kind: "busy",
        });
      },
    );

    it("gives a later claim the records of the earlier ones, in order", async () => {
      const { fence } = await working();
      await context.api.appendRecord(fence, { kind: "note", turn: 0, text: "one" });
      await context.api.outcome(fence, stopped);
      const second = await claimed(fence.step);
      await context.api.appendRecord(second.fence, { kind: "note", turn: 0, text: "two" });
      await context.api.outcome(second.fence, stopped);
      const { records } = await claimed(fence.step);
      expect(records.map((r) => r.kind === "note" && r.text)).toEqual(["one", "two"]);
    });

    it("keeps blobs by their content", async () => {
      const { fence } = await working();
      const id = await context.api.putBlob(fence, bytes("a log"));
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(Buffer.from((await context.api.getBlob(fence, id)) ?? []).toString()).toBe("a log");
      expect(await context.api.getBlob(fence, "0".repeat(64))).toBeUndefined();
    });

    it("serves the commits that the step or its records name, and no other", async () => {
      const other = await working();
      const secret = await context.fixture.commit("secret.txt");
      await context.api.putPack(other.fence, secret.pack, secret.commit);
      await context.api.appendRecord(other.fence, {
        kind: "snapshot",
        turn: 1,
        commit: secret.commit,
      });
      const isPack = async (fence: Fence, commit: string) =>
        Buffer.from((await context.api.getPack(fence, commit, [])).subarray(0, 4)).toString() ===
        "PACK";
      expect(await isPack(other.fence, context.fixture.base)).toBe(true);
      expect(await isPack(other.fence, secret.commit)).toBe(true);

      const mine = await claimed(
        await context.fixture.request("review-1", agent({ role: "reviewer" })),
      );
      await expect(context.api.getPack(mine.fence, secret.commit, [])).rejects.toThrow(
        secret.commit,
      );
      await expect(context.api.getPack(mine.fence, "0".repeat(40), [])).rejects.toThrow();
    });

    it("refuses a tree that must not come in, with what is to be changed", async () => {
      const { fence } = await working();
      const { pack, commit } = await context.fixture.hostile();
      const refused = await context.api
        .putPack(fence, pack, commit)
        .catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(HostileTreeError);
      expect((refused as HostileTreeError).problems.join()).toContain("link");
      await context.api.appendRecord(fence, { kind: "snapshot", turn: 1, commit });
      await expect(context.api.getPack(fence, commit, [])).rejects.toThrow();
    });

    it("tells a worker's events under the step's task and attempt", async () => {
      const { fence } = await working();
      await context.api.report(fence, { type: "note.added", level: "info", text: "hello" });
      expect((await context.fixture.events()).at(-1)).toMatchObject({
        type: "note.added",
        text: "hello",
        task: "t1",
        attempt: 1,
      });
    });

    it("ends a step with its result", async () => {
      const { fence } = await working();
      const result = { kind: "agent" as const, result: { end: "blocked" as const, reason: "no" } };
      await context.api.outcome(fence, { kind: "done", result });
      expect((await context.fixture.state()).steps[fence.step]).toMatchObject({ result });
      await expect(context.api.outcome(fence, { kind: "done", result })).rejects.toThrow(
        StaleEpochError,
      );
    });

    it.each<[StepOutcome["kind"], StepOutcome]>([
      ["stopped", stopped],
      ["retry", { kind: "retry", at: new Date(0).toISOString(), reason: "rate limit" }],
    ])("lets another worker have a step at once (%s)", async (_, outcome) => {
      const { fence } = await working();
      await context.api.outcome(fence, outcome);
      const state = await context.fixture.state();
      expect(state.run.status).toBe("active");
      expect(state.steps[fence.step]).toMatchObject({ lost: 0 });
      expect((await claimed(fence.step, "w2")).fence.epoch).toBe(2);
    });

    it("dispatches a step again that infrastructure lost, and fails the run after eight", async () => {
      const lost: StepOutcome = { kind: "infrastructure", reason: "the engine went away" };
      const { fence } = await working();
      await context.api.outcome(fence, lost);
      const row = (await context.fixture.state()).steps[fence.step];
      expect(row).toMatchObject({ lost: 1, dispatch: 1 });
      for (let i = 2; i <= 8; i++)
        await context.api.outcome((await claimed(fence.step)).fence, lost);
      const { run } = await context.fixture.state();
      expect(run.status).toBe("failed");
      expect(run.reasons[0]).toContain("the engine went away");
    });

    it.each<[StepOutcome["kind"], string]>([
      ["fatal", "failed"],
      ["budget", "budget"],
    ])("stops the run where a person must act (%s)", async (kind, status) => {
      const { fence } = await working();
      await context.api.outcome(fence, { kind, reason: "see to it" } as StepOutcome);
      expect((await context.fixture.state()).run.status).toBe(status);
    });
  });
};
