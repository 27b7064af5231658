import { randomUUID } from "node:crypto";
import { AgentEnd, isGreen, RequirementResult } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { fixedEgress } from "../support/fixed-egress.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

/** A repository whose base has a parent, which the factory never gets. */
const HISTORY = [{ "a.txt": "old\n" }, { "a.txt": "new\n", "package.json": "{}\n" }];
const GATE = { name: "test", run: "test ! -e broken && cat a.txt" };
/** An environment of this test alone, so that it can be removed after it. */
const SETUP = [
  `: ${randomUUID()}; grep -q '^{' package.json && mkdir -p node_modules && touch node_modules/installed`,
];
const rigWith = (more: Partial<Parameters<typeof workerRig>[0]> = {}) =>
  workerRig({ sandboxes: harness.sandboxes, history: HISTORY, ...more });

const endOf = (row: { result?: unknown } | undefined) =>
  AgentEnd.parse((row?.result as { result?: unknown } | undefined)?.result);

describe("an agent's step", () => {
  it("writes a file in a real sandbox, and what it submitted is a commit of the factory", async () => {
    await using rig = await rigWith({
      conversations: [
        {
          role: "coder",
          task: "t1",
          turns: [
            {
              calls: [
                { bash: { command: "pwd; cat a.txt; git status --short; git log --oneline" } },
              ],
            },
            {
              contains: ["/workspace", "new"],
              calls: [
                { write: { path: "src/b.txt", content: "b\n" } },
                { bash: { command: "id -u" } },
              ],
            },
            { calls: [{ submit_change: { summary: "Adds b." } }] },
          ],
        },
      ],
    });
    const step = await rig.request("code", coding(rig.base));
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const end = endOf(await rig.row(step));
    expect(end).toMatchObject({ end: "submitted", output: { summary: "Adds b." }, turns: 3 });
    const snapshot = end.snapshot ?? "";
    expect(await rig.factory.parentsOf(snapshot)).toEqual([rig.base]);
    expect((await rig.factory.list(snapshot)).map(({ path }) => path)).toEqual([
      "a.txt",
      "package.json",
      "src/b.txt",
    ]);
    const calls = await rig.store.calls(rig.run);
    expect(calls.map(({ state }) => state)).toEqual(["settled", "settled", "settled"]);
  });

  it("goes on in another worker where one was stopped, without asking again for what was answered", async () => {
    await using rig = await rigWith({
      conversations: [
        {
          role: "coder",
          task: "t1",
          turns: [
            { calls: [{ bash: { command: "echo one >> log.txt; seq 1 9000" } }] },
            { calls: [{ bash: { command: "sleep 4; echo two >> log.txt" } }] },
            {
              contains: "has been replaced",
              calls: [{ bash: { command: "tail -n 1 /tmp/headrace/1-1.txt >> log.txt" } }],
            },
            { calls: [{ submit_change: { summary: "Writes a log." } }] },
          ],
        },
      ],
    });
    const step = await rig.request("code", coding(rig.base));
    const stop = new AbortController();
    const stopped = rig.deliver(step, stop.signal);
    while ((await rig.store.calls(rig.run)).filter((c) => c.state === "settled").length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    stop.abort();
    await stopped;
    expect((await rig.row(step))?.result).toBeUndefined();

    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const end = endOf(await rig.row(step));
    const log = await rig.factory.read(end.snapshot ?? "", "log.txt");
    expect(new TextDecoder().decode(log)).toBe("one\ntwo\n9000");
    expect(await rig.store.calls(rig.run)).toHaveLength(4);
  });
});

describe("a verification", () => {
  it("is green or red by the gates on the very tree, in a worker that has never seen the run", async () => {
    await using rig = await rigWith({ policy: { gates: [GATE], setup: SETUP } });
    const verify = (commit: string) => ({
      kind: "verify" as const,
      commit,
      landingBase: rig.base,
      gates: ["test"],
      permits: [],
    });
    const good = await rig.change(rig.base, { "b.txt": "b\n" });
    const bad = await rig.change(rig.base, { broken: "" });
    const receipts = [];
    for (const [name, commit] of Object.entries({ good, bad })) {
      const step = await rig.request(name, verify(commit));
      expect(await rig.deliver(step), name).toEqual({ kind: "done" });
      const result = (await rig.row(step))?.result;
      if (result?.kind !== "verify") throw new Error(`${name} left no receipt`);
      receipts.push(result.receipt);
      harness.discardLater(result.receipt.key.image);
    }
    expect(receipts.map(isGreen)).toEqual([true, false]);
    const log = await rig.store.getBlob(receipts[0]?.results[0]?.log ?? "");
    expect(new TextDecoder().decode(log)).toBe("new\n");

    const [known] = receipts;
    const again = await rig.request("again", { ...verify(good), ...(known ? { known } : {}) });
    await rig.deliver(again);
    expect((await rig.row(again))?.result).toEqual({ kind: "verify", receipt: known });
    const gates = (await rig.store.events(rig.run)).filter((e) => e.type === "gate.finished");
    expect(gates).toHaveLength(2);
  });

  it("is red where the change's own manifests, which it may touch, cannot be set up", async () => {
    await using rig = await rigWith({ policy: { gates: [GATE], setup: SETUP } });
    const change = await rig.change(rig.base, { "package.json": "broken\n" });
    const step = await rig.request("verify", {
      kind: "verify",
      commit: change,
      landingBase: rig.base,
      gates: ["test"],
      permits: ["lockfile"],
    });
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    expect((await rig.row(step))?.result).toMatchObject({
      receipt: {
        results: [{ gate: "test", verdict: "fail", reason: expect.stringContaining("setup") }],
      },
    });
  });
});

describe("an environment", () => {
  it("that cannot be set up for what has landed stops the run, with the end of the log", async () => {
    await using rig = await rigWith({ policy: { setup: ["echo no compiler; exit 3"] } });
    const step = await rig.request("env", { kind: "environment", commit: rig.base });
    expect(await rig.deliver(step)).toMatchObject({
      kind: "fatal",
      reason: expect.stringMatching(/exit 3[\s\S]*no compiler/),
    });
    expect((await rig.store.state(rig.run))?.run.status).toBe("failed");
  });

  it("says what it asked of the network, and what to add where a host was refused", async () => {
    await using networked = await dockerHarness({ egress: fixedEgress() });
    const get = (path: string) =>
      `node -e 'require("http").get("http://127.0.0.1:3128${path}", { headers: { host: "files.test" } }, (r) => r.resume())'`;
    const setup = [`${get("/bytes/5")}; ${get("/elsewhere")}; : ${randomUUID()}; exit 3`];
    await using rig = await rigWith({ sandboxes: networked.sandboxes, policy: { setup } });
    const step = await rig.request("env", { kind: "environment", commit: rig.base });
    expect(await rig.deliver(step)).toMatchObject({
      kind: "fatal",
      reason: expect.stringContaining("\nnetwork:\n  setup: [files.test]\n"),
    });
    const used = (await rig.store.events(rig.run)).filter(({ type }) => type === "network.used");
    expect(used).toMatchObject([
      {
        step,
        requests: [
          { phase: "setup", path: "/bytes/5", outcome: "allowed" },
          { phase: "setup", path: "/elsewhere", outcome: "refused" },
        ],
      },
    ]);
  });

  it("that is cut off by the end of its worker is not held against the machine", async () => {
    await using rig = await rigWith({ policy: { setup: ["sleep 300"] } });
    const step = await rig.request("env", { kind: "environment", commit: rig.base });
    const stop = new AbortController();
    const delivered = rig.deliver(step, stop.signal);
    setTimeout(() => stop.abort(), 1_000);
    expect(await delivered).toEqual({ kind: "done" });
    const row = await rig.row(step);
    expect([row?.lost, row?.result]).toEqual([0, undefined]);
  });

  it("hears of a cancelled run long before its lease would end", async () => {
    await using rig = await rigWith({ policy: { setup: ["sleep 300"] } });
    const step = await rig.request("env", { kind: "environment", commit: rig.base });
    const delivered = rig.deliver(step);
    setTimeout(() => void rig.control.commands.cancel(rig.run, "enough"), 1_000);
    const late = new Promise((resolve) => setTimeout(resolve, 12_000, "late"));
    expect(await Promise.race([delivered, late])).toEqual({ kind: "done" });
  });

  it("needs no setup from the plan while there is nothing to install", async () => {
    await using rig = await rigWith({
      history: [{ "readme.md": "" }],
      policy: { setup: ["npm ci"], from: { gates: "plan", setup: "plan" } },
    });
    const step = await rig.request("env", { kind: "environment", commit: rig.base });
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
  });
});

it("evidence is re-run and looked up on the commit it speaks of", async () => {
  await using rig = await rigWith();
  const evidence = [
    { kind: "command", run: "grep new a.txt" },
    { kind: "quote", file: "a.txt", quote: "a line that is not there" },
  ];
  const step = await rig.request("evidence", {
    kind: "evidence",
    commit: rig.base,
    claims: [{ requirement: "r1", met: true, reason: "seen", evidence }],
  });
  await rig.deliver(step);
  const result = (await rig.row(step))?.result;
  const [checked] = RequirementResult.array().parse(result?.kind === "evidence" && result.results);
  expect(checked).toMatchObject({
    requirement: "r1",
    met: false,
    evidence: [{ holds: true }, { holds: false }],
  });
});

it("a step that is finished, or not the run's, is dropped", async () => {
  await using rig = await rigWith();
  expect(await rig.deliver(`${rig.run}-nothing`)).toEqual({ kind: "done" });
});

it("a step delivered twice is done once: the other delivery waits for the lease", async () => {
  await using rig = await rigWith({ policy: { gates: [{ ...GATE, run: "sleep 1" }] } });
  const step = await rig.request("twice", {
    kind: "verify",
    commit: rig.base,
    landingBase: rig.base,
    gates: ["test"],
    permits: [],
  });
  const outcomes = await Promise.all([rig.deliver(step), rig.deliver(step)]);
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["done", "retry-at"]);
  const gates = (await rig.store.events(rig.run)).filter((e) => e.type === "gate.finished");
  expect(gates).toHaveLength(1);
});
