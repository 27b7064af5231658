import {
  type FactoryControl,
  foldAll,
  fromUsd,
  type NewEvent,
  PlanProposal,
  Policy,
  type StoredEvent,
  type Submission,
  UserError,
} from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

export type ControlFixture = AsyncDisposable & {
  control: FactoryControl;
  /** a submission the factory accepts, of a repository of its own, with the pack of its base; its tasks have a budget of 1 USD each, its run one of 1,000 tokens where it says so */
  submission(): Promise<{ submission: Submission; pack: Uint8Array }>;
  /** puts events in the log of a run, as the factory's own parts do that work on it */
  append(run: string, ...events: NewEvent[]): Promise<void>;
};

const never = (): AbortSignal => new AbortController().signal;

/** Events after `after` until `enough` says so, or the stream ends. */
const collect = async (
  control: FactoryControl,
  run: string,
  after: number,
  enough: (event: StoredEvent) => boolean = () => false,
): Promise<StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for await (const event of control.events(run, after, never())) {
    events.push(event);
    if (enough(event)) break;
  }
  return events;
};

const note = (text: string): NewEvent => ({ type: "note.added", level: "info", text });

/** An accepted plan of one task, which is being built. */
const planOf = (task: string): NewEvent[] => {
  const { tasks } = PlanProposal.parse({
    summary: "One task.",
    tasks: [{ id: task, title: "Do it", description: "Do it.", acceptance: ["it is done"] }],
  });
  const policy = Policy.parse({
    ...{ gates: [], setup: [], protected: [] },
    from: { gates: "plan", setup: "plan" },
  });
  const accepted = { version: 1, requirements: [], policy, policyHash: "f".repeat(64) };
  return [
    { type: "plan.proposed", round: 1, plan: { version: 1, summary: "One.", tasks, ...NOTHING } },
    { type: "plan.accepted", ...accepted },
    { type: "task.ready", task },
  ];
};
const NOTHING = { requirements: [], setup: [], gates: [], notDoing: [] };

/** What every `FactoryControl` does, near or far. */
export const factoryControlSuite = (name: string, make: () => Promise<ControlFixture>): void => {
  describe(`${name} as control of a factory`, () => {
    let fixture: ControlFixture;
    let control: FactoryControl;
    beforeEach(async () => {
      fixture = await make();
      control = fixture.control;
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    const submit = async (change: Partial<Submission> = {}): Promise<string> => {
      const { submission, pack } = await fixture.submission();
      return (await control.submit({ ...submission, ...change }, pack)).run;
    };

    it("accepts a submission as a run that shows what was submitted", async () => {
      const { submission, pack } = await fixture.submission();
      const { run, behind } = await control.submit(submission, pack);
      expect(behind).toBeUndefined();
      const state = await control.run(run);
      expect(state.run).toMatchObject({
        id: run,
        status: "active",
        title: submission.title,
        base: submission.base,
        budget: submission.budget,
        repo: submission.repo,
        requirements: submission.requirements,
      });
    });

    it("queues a second run on a repository behind the first", async () => {
      const { submission, pack } = await fixture.submission();
      const first = await control.submit(submission, pack);
      const second = await control.submit(submission, pack);
      expect(second.behind).toBe(first.run);
      expect((await control.run(second.run)).run.status).toBe("queued");
    });

    it("lists its runs, oldest first", async () => {
      expect(await control.runs()).toEqual([]);
      const runs = [await submit(), await submit()];
      expect((await control.runs()).map((state) => state.run.id)).toEqual(runs);
    });

    it("refuses a submission that is not valid, and starts nothing", async () => {
      await expect(submit({ title: "" })).rejects.toThrow(UserError);
      await expect(submit({ budget: -1 })).rejects.toThrow(UserError);
      await expect(submit({ base: "HEAD" })).rejects.toThrow(UserError);
      expect(await control.runs()).toEqual([]);
    });

    it("shows the state that its events fold to", async () => {
      const run = await submit();
      await fixture.append(run, note("one"), note("two"));
      await control.cancel(run, "enough");
      expect(await control.run(run)).toEqual(foldAll(await collect(control, run, 0)));
    });

    it("gives events without gaps from where the reader is, then live ones as they come", async () => {
      const run = await submit();
      await fixture.append(run, note("before"));
      const start = (await control.run(run)).run.seq;
      const reading = collect(control, run, start - 1);
      await fixture.append(run, note("after"));
      await control.cancel(run, "enough");
      const events = await reading;
      expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => start + i));
      expect(events[0]).toMatchObject({ type: "note.added", text: "before" });
      expect(events).toContainEqual(expect.objectContaining({ text: "after" }));
    });

    it("ends the events of a run with the run, also for a reader who comes later", async () => {
      const run = await submit();
      const reading = collect(control, run, 0);
      await control.cancel(run, "not needed any more");
      const events = await reading;
      expect(events.some((event) => event.type === "run.cancelled")).toBe(true);
      expect(await collect(control, run, 0)).toEqual(events);
      expect(await collect(control, run, events.length)).toEqual([]);
    });

    it("stops giving events when the reader's signal is aborted", async () => {
      const run = await submit();
      const reader = new AbortController();
      let seen = 0;
      for await (const _ of control.events(run, 0, reader.signal)) {
        seen += 1;
        if (seen === (await control.run(run)).run.seq) reader.abort();
      }
      expect(seen).toBeGreaterThan(0);
    });

    it("serves several readers of one run at their own places", async () => {
      const run = await submit();
      const readers = [collect(control, run, 0), collect(control, run, 1)];
      await control.cancel(run, "enough");
      const [all = [], rest] = await Promise.all(readers);
      expect(rest).toEqual(all.slice(1));
    });

    it("pauses a run and resumes it", async () => {
      const run = await submit();
      await control.pause(run, "going home");
      expect((await control.run(run)).run.status).toBe("paused");
      await control.resume(run);
      expect((await control.run(run)).run.status).toBe("active");
    });

    it("cancels a run with the reason", async () => {
      const run = await submit();
      await control.cancel(run, "the wrong spec");
      expect((await control.run(run)).run).toMatchObject({
        status: "cancelled",
        reasons: ["the wrong spec"],
      });
    });

    it("takes the answer to a question, and refuses one to a question nobody asked", async () => {
      const run = await submit();
      const question = { type: "question.asked", question: "q1", text: "A or B?" } as const;
      await fixture.append(run, { ...question, reason: "the spec says both" });
      await control.answer(run, "q1", "A, as in § 2 ✓");
      expect((await control.run(run)).questions.q1?.answer).toBe("A, as in § 2 ✓");
      await expect(control.answer(run, "q2", "B")).rejects.toThrow(UserError);
    });

    it("raises the budget, and resumes a run that it had stopped", async () => {
      const run = await submit({ budget: fromUsd(20) });
      await fixture.append(run, {
        type: "budget.stopped",
        reason: "the next call does not fit",
        spent: fromUsd(19),
        budget: fromUsd(20),
      });
      expect((await control.run(run)).run.status).toBe("budget");
      await control.raiseBudget(run, fromUsd(5));
      expect((await control.run(run)).run).toMatchObject({
        budget: fromUsd(25),
        status: "active",
      });
    });

    it("raises a budget to what an amount holds exactly, and no further", async () => {
      const run = await submit({ budget: fromUsd(20) });
      await expect(control.raiseBudget(run, fromUsd(9000))).rejects.toThrow(
        /at most 9000 US dollars, and \$20\.00 are in it\n {2}Raise it by \$8980\.00 at most/,
      );
      await control.raiseBudget(run, fromUsd(8980));
      expect((await control.run(run)).run.budget).toBe(fromUsd(9000));
    });

    it("raises the budget of tokens, and resumes a run that it had stopped", async () => {
      const run = await submit({ limits: { tokens: 1_000 }, budget: fromUsd(20) });
      await fixture.append(run, {
        ...{ type: "budget.stopped", level: "tokens", reason: "the next call does not fit" },
        ...{ spent: fromUsd(1), budget: fromUsd(20) },
      });
      await control.raiseTokens(run, 500);
      const { run: row } = await control.run(run);
      expect(row).toMatchObject({ budget: fromUsd(20), status: "active" });
      expect(row.limits?.tokens).toBe(1_500);
    });

    it("leaves a paused run paused when its budget is raised", async () => {
      const run = await submit();
      await control.pause(run, "going home");
      await control.raiseBudget(run, fromUsd(1));
      expect((await control.run(run)).run.status).toBe("paused");
    });

    it("raises the budget of a task that its own had parked, which then goes on", async () => {
      const run = await submit();
      await fixture.append(run, ...planOf("a"));
      await fixture.append(run, {
        ...{ type: "budget.parked", task: "a", level: "task" },
        ...{ reason: "the next call does not fit", budget: fromUsd(1) },
      });
      expect((await control.run(run)).tasks.a?.parked).toBeDefined();
      await control.raiseBudget(run, fromUsd(2), "a");
      await control.raiseBudget(run, fromUsd(3), "a");
      const { tasks, run: row } = await control.run(run);
      expect(tasks.a).toMatchObject({ raised: fromUsd(5) });
      expect(tasks.a?.parked).toBeUndefined();
      expect(row.budget).toBe(fromUsd(20));
      await expect(control.raiseBudget(run, 1, "b")).rejects.toThrow(UserError);
    });

    it("keeps what a person says to the agents, in the order in which it was said", async () => {
      const run = await submit();
      await control.steer(run, "Größe in mm ✓");
      await control.steer(run, "no new dependencies");
      const { steers = [] } = (await control.run(run)).run;
      expect(steers.map(({ text }) => text)).toEqual(["Größe in mm ✓", "no new dependencies"]);
      await control.cancel(run, "enough");
      await expect(control.steer(run, "too late")).rejects.toThrow(UserError);
    });

    it("gives the bytes of a run's blobs", async () => {
      const { submission, pack } = await fixture.submission();
      const { run } = await control.submit({ ...submission, spec: "# Größe\n" }, pack);
      const state = await control.run(run);
      expect(Buffer.from(await control.blob(run, state.run.spec)).toString()).toBe("# Größe\n");
      await expect(control.blob(run, "0".repeat(64))).rejects.toThrow(UserError);
    });

    it("gives a pack of a run's commit, and of no other", async () => {
      const { submission, pack } = await fixture.submission();
      const { run } = await control.submit(submission, pack);
      const given = await control.pack(run, submission.base, []);
      expect(Buffer.from(given.subarray(0, 4)).toString()).toBe("PACK");
      await expect(control.pack(run, "0".repeat(40), [])).rejects.toThrow(UserError);
    });

    it.each<[string, (run: string) => Promise<unknown>]>([
      ["run", (run) => control.run(run)],
      ["events", (run) => collect(control, run, 0)],
      ["blob", (run) => control.blob(run, "0".repeat(64))],
      ["pack", (run) => control.pack(run, "0".repeat(40), [])],
      ["pause", (run) => control.pause(run, "why")],
      ["resume", (run) => control.resume(run)],
      ["cancel", (run) => control.cancel(run, "why")],
      ["answer", (run) => control.answer(run, "q1", "yes")],
      ["raiseBudget", (run) => control.raiseBudget(run, 1)],
      ["raiseBudget of a task", (run) => control.raiseBudget(run, 1, "a")],
      ["raiseTokens", (run) => control.raiseTokens(run, 1)],
      ["steer", (run) => control.steer(run, "words")],
    ])("tells the user that there is no such run (%s)", async (_, ask) => {
      await expect(ask("nowhere")).rejects.toThrow(UserError);
    });
  });
};
