import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Candidate, type FactoryApi, fromUsd, type Signal } from "@headrace/domain";
import { expect, test } from "vitest";
import { folderSandboxes } from "../support/folder-sandboxes.ts";
import { tempDir } from "../support/git.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

type Options = Omit<Parameters<typeof workerRig>[0], "sandboxes" | "history" | "conversations">;

const rigFor = (turns: readonly unknown[], options: Options = {}) =>
  workerRig({
    sandboxes: folderSandboxes(),
    history: [{ "a.txt": "a\n" }],
    conversations: [{ role: "coder", task: "t1", turns }],
    ...options,
  });

type Rig = Awaited<ReturnType<typeof workerRig>>;

const SUBMIT = {
  calls: [{ write: { path: "b.txt", content: "b\n" } }, { submit_change: { summary: "Adds b." } }],
};

/** Turns for which a message was asked for, in the order in which they were sent. */
const turnsSent = ({ simulator }: Rig) =>
  simulator
    .requests()
    .filter(({ path }) => path === "/v1/messages")
    .map(({ turn }) => turn);

/** Says when a renewal has brought the worker what a person said. */
const whenSteered = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const isSteer = ({ kind }: Signal) => kind === "steer";
  const api = (real: FactoryApi): FactoryApi => ({
    ...real,
    async renew(fence) {
      const renewed = await real.renew(fence);
      // the next turn of the loop: by then the worker has been told
      if (renewed.signals.some(isSteer)) setImmediate(resolve);
      return renewed;
    },
  });
  return { api, steered: promise };
};

test("what a person says reaches an agent at work before its next call, and each later one at its first", async () => {
  await using dir = await tempDir("headrace-steer-");
  const told = join(dir.path, "told");
  const { api, steered } = whenSteered();
  const wait = { calls: [{ bash: { command: `until test -e ${told}; do sleep 0.1; done` } }] };
  await using rig = await rigFor([wait, { ...SUBMIT, contains: "Mind the umlauts." }], { api });
  const step = await rig.request("code", coding(rig.base));
  const working = rig.deliver(step);
  while (turnsSent(rig).length === 0) await sleep(20);
  await rig.control.commands.steer(rig.run, "Mind the umlauts.");
  await steered;
  await writeFile(told, "");
  expect(await working).toEqual({ kind: "done" });
  expect((await rig.row(step))?.result).toMatchObject({ result: { end: "submitted" } });

  const again = await rig.request("code-again", { ...coding(rig.base), conversation: 2 });
  await rig.deliver(again);
  const first = rig.simulator.requests().find(({ user }) => user?.endsWith(".2"));
  expect(JSON.stringify(first?.body?.messages[0])).toContain("Mind the umlauts.");
});

test("a task whose budget is used is parked with its work saved, and a raise goes on without a call made twice", async () => {
  const dear = { usage: { say: { output_tokens: 10_000 } } };
  const write = { calls: [{ write: { path: "b.txt", content: "b\n" } }], ...dear };
  const submit = { calls: [{ submit_change: { summary: "Adds b." } }] };
  // the first call costs 15 cents, and each holds 24 and more for 16,000 tokens of output
  const limits = { task: fromUsd(0.35) };
  await using rig = await rigFor([write, submit], { limits });
  const step = await rig.request("code", coding(rig.base));
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  const parked = await rig.state();
  expect(parked.run.status).toBe("active");
  expect(parked.tasks.t1?.parked).toMatchObject({ level: "task", budget: limits.task });
  const records = await rig.store.records(rig.run, step);
  expect(records.map(({ kind }) => kind)).toEqual(["reply", "tool", "snapshot"]);
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect((await rig.state()).run.seq).toBe(parked.run.seq);

  await rig.control.commands.raiseBudget(rig.run, fromUsd(1), "t1");
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect((await rig.row(step))?.result).toMatchObject({ result: { end: "submitted" } });
  expect(turnsSent(rig)).toEqual([1, 2]);
});

test("a job whose provider names a late time gives its slot back until then, and none of its tries is an attempt", async () => {
  const refused = { ...SUBMIT, error: { status: 429, retryAfter: 600, times: 1 } };
  await using rig = await rigFor([refused]);
  const step = await rig.request("code", coding(rig.base));
  const before = Date.now();
  const outcome = await rig.deliver(step);
  if (outcome.kind !== "retry-at") throw new Error(JSON.stringify(outcome));
  expect(outcome.at.getTime()).toBeGreaterThanOrEqual(before + 600_000);
  expect(turnsSent(rig)).toEqual([1]);
  const row = await rig.row(step);
  expect(row).toMatchObject({ lost: 0, deferred: { until: outcome.at.toISOString() } });
  expect(row?.result).toBeUndefined();
  expect((await rig.store.calls(rig.run)).map(({ state }) => state)).toEqual(["released"]);
  // a second delivery is told so before anything is sent
  expect(await rig.deliver(step)).toMatchObject({ kind: "retry-at", at: outcome.at });
  expect(turnsSent(rig)).toEqual([1]);
});

test.each<[string, (rig: Rig) => Promise<void>]>([
  ["a pause", (rig) => rig.control.commands.pause(rig.run, "a test")],
  ["a cancel", (rig) => rig.control.commands.cancel(rig.run, "a test")],
])("%s ends an agent's wait for a rate limit at once", async (_what, stop) => {
  const grants: string[] = [];
  const api = (real: FactoryApi): FactoryApi => ({
    ...real,
    async reserve(...of) {
      const grant = await real.reserve(...of);
      grants.push(grant.kind);
      return grant;
    },
  });
  const limited = { ...SUBMIT, error: { status: 429, retryAfter: 110, times: 1 } };
  await using rig = await rigFor([limited], { api });
  const step = await rig.request("code", coding(rig.base));
  const working = rig.deliver(step);
  await expect.poll(() => grants, { timeout: 30_000 }).toContain("wait");
  await stop(rig);
  expect(await working).toEqual({ kind: "done" });
  // who waits to the end asks once more, and is told that the run has stopped
  expect(grants).toEqual(["granted", "wait"]);
  expect(await rig.row(step)).toMatchObject({ lost: 0 });
});

test("a pause lets a call come to its end that is under way, for it is paid for", async () => {
  const late = { ...SUBMIT, firstByteMs: 5_000 };
  await using rig = await rigFor([late]);
  const step = await rig.request("code", coding(rig.base));
  const working = rig.deliver(step);
  await expect.poll(() => turnsSent(rig), { timeout: 30_000 }).toEqual([1]);
  await rig.control.commands.pause(rig.run, "a test");
  expect(await working).toEqual({ kind: "done" });
  const records = await rig.store.records(rig.run, step);
  expect(records.map(({ kind }) => kind)).toEqual(["reply"]);
  expect((await rig.store.calls(rig.run)).map(({ state }) => state)).toEqual(["settled"]);
});

test("a provider that is out of credit is left for the next of the route, and a person is told once", async () => {
  const candidate = (provider: string, model: string): Candidate => ({
    ...{ provider, model, pool: model, window: 200_000 },
    capabilities: ["tools", "cache"],
  });
  const candidates = [
    candidate("anthropic", "claude-sonnet-5"),
    candidate("other", "claude-opus-4-8"),
  ];
  const routes = { coder: { candidates, needs: [], order: "listed" as const } };
  const first = { ...SUBMIT, error: { status: 402, times: 1 } };
  await using rig = await rigFor([first], { routes });
  const step = await rig.request("code", coding(rig.base));
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect((await rig.row(step))?.result).toMatchObject({ result: { end: "submitted" } });
  const events = await rig.store.events(rig.run);
  expect(events.filter((e) => e.type === "model.called")).toMatchObject([
    { provider: "other", model: "claude-opus-4-8" },
  ]);
  expect(events.filter((e) => e.type === "note.added")).toMatchObject([
    { level: "warning", text: expect.stringContaining("out of credit") },
  ]);
});

test("a key that is refused stops the run with what a person must do, and resuming asks again", async () => {
  await using rig = await rigFor([{ ...SUBMIT, error: { status: 401, times: 1 } }]);
  const step = await rig.request("code", coding(rig.base));
  expect((await rig.deliver(step)).kind).toBe("fatal");
  expect((await rig.state()).run.status).toBe("failed");
  await rig.control.commands.resume(rig.run);
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect((await rig.row(step))?.result).toMatchObject({ result: { end: "submitted" } });
});

const INVALID = { status: 400, type: "invalid_request_error" };

test.each([
  ["a refusal of a first prompt", [{ text: "I cannot do that.", stop: "refusal" }], /I cannot/],
  [
    "an invalid prompt, to a model that has replied in the run,",
    [{ calls: [{ bash: { command: "true" } }] }, { error: { ...INVALID, message: "not this" } }],
    /not this/,
  ],
])("%s ends that attempt, and the run goes on", async (_what, turns, why) => {
  await using rig = await rigFor(turns);
  const step = await rig.request("code", coding(rig.base));
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect((await rig.row(step))?.result).toMatchObject({
    result: { end: "limit", limit: "request", detail: expect.stringMatching(why) },
  });
  expect((await rig.state()).run.status).toBe("active");
  expect(turnsSent(rig)).toEqual(turns.map((_, at) => at + 1));
});

test.each(["max_tokens: 64000 > 32000", "This organization has been disabled."])(
  "a model that has replied to nothing and says %j stops the run with these words; no attempt is used up",
  async (message) => {
    await using rig = await rigFor([{ ...SUBMIT, error: { ...INVALID, message, times: 1 } }]);
    const step = await rig.request("code", coding(rig.base));
    const outcome = await rig.deliver(step);
    if (outcome.kind !== "fatal") throw new Error(JSON.stringify(outcome));
    const { run } = await rig.state();
    expect(run.status).toBe("failed");
    const [failed] = (await rig.store.events(rig.run)).filter((e) => e.type === "run.failed");
    expect(failed).toMatchObject({ reason: expect.stringContaining(message) });
    expect(failed).toMatchObject({ reason: expect.stringContaining("headrace resume") });
    expect((await rig.row(step))?.result).toBeUndefined();
    await rig.control.commands.resume(rig.run);
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    expect((await rig.row(step))?.result).toMatchObject({ result: { end: "submitted" } });
  },
);
