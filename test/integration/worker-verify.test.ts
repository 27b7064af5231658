import type { GateBaseline, GateResult, Sandboxes, StepInputOf } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { workerRig } from "../support/worker-rig.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const NODE_TEST = { name: "test", run: "node --test" };

/** A suite of named tests, each with the code of its body. */
const suite = (tests: Record<string, string>): string =>
  [
    'const test = require("node:test");',
    'const assert = require("node:assert");',
    ...Object.entries(tests).map(([name, body]) => `test("${name}", ${body});`),
  ].join("\n");

const PASSES = "() => {}";
const FAILS = "() => assert.equal(1, 2)";
const SKIPPED = '{ skip: "later" }, () => {}';

type Rig = Awaited<ReturnType<typeof workerRig>>;

const rigOf = (tests: Record<string, string>, sandboxes: Sandboxes = harness.sandboxes) =>
  workerRig({
    sandboxes,
    history: [{ "package.json": "{}\n", "a.test.js": suite(tests) }],
    policy: { gates: [NODE_TEST] },
  });

let steps = 0;
const verify = async (rig: Rig, commit: string, over: Partial<StepInputOf<"verify">> = {}) => {
  const about = { commit, landingBase: rig.base, gates: ["test"], permits: [] };
  const step = await rig.request(`v${++steps}`, { kind: "verify", ...about, ...over });
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  const result = (await rig.row(step))?.result;
  if (result?.kind !== "verify") throw new Error("there is no receipt");
  return result;
};

const only = (results: readonly GateResult[]): GateResult => {
  const [result] = results;
  if (result === undefined || results.length > 1) throw new Error("one gate was asked for");
  return result;
};

/** What the base's own verification shows, as the next one is given it. */
const baselineOf = async (rig: Rig, isRed = false): Promise<GateBaseline[]> => {
  const { receipt } = await verify(rig, rig.base);
  const { tests, exitCode } = only(receipt.results);
  if (tests === undefined) throw new Error("the runner reported nothing");
  const red = { exitCode: exitCode ?? 0, receipt: receipt.id };
  return [{ gate: "test", tests, ...(isRed ? { red } : {}) }];
};

describe("a verification against the tests of the base", () => {
  it("names the tests that are gone, or skipped, and a permit of the plan lets them go", async () => {
    await using rig = await rigOf({ adds: PASSES, subtracts: PASSES });
    const baseline = await baselineOf(rig);
    expect(baseline).toMatchObject([{ tests: { total: 2, passed: 2 } }]);
    const changed = (tests: Record<string, string>) =>
      rig.change(rig.base, { "a.test.js": suite(tests) });
    const less = await changed({ adds: PASSES });
    const gone = only((await verify(rig, less, { baseline })).receipt.results);
    expect(gone).toMatchObject({ verdict: "fail", exitCode: 0 });
    expect(gone.reason).toMatch(/fewer tests than the base.*1 test is gone: .*subtracts/);
    const permits = ["gates:test"];
    const permitted = (await verify(rig, less, { baseline, permits })).receipt;
    expect(only(permitted.results)).toMatchObject({ verdict: "pass", tests: { total: 1 } });
    const skips = await changed({ adds: PASSES, subtracts: SKIPPED });
    const skipped = only((await verify(rig, skips, { baseline })).receipt.results);
    expect(skipped.reason).toMatch(/1 test is skipped: .*subtracts/);
    const more = await changed({ adds: PASSES, subtracts: PASSES, divides: PASSES });
    const grown = only((await verify(rig, more, { baseline })).receipt.results);
    expect(grown).toMatchObject({ verdict: "pass", tests: { total: 3 } });
    expect(grown.baseline).toBe(baseline[0]?.tests.list);
  });

  it("is red where a test ends the runner with exit 0 in the middle, or leaves no test", async () => {
    await using rig = await rigOf({ adds: PASSES, subtracts: FAILS });
    const quits = `process.exit(0);\n${suite({ adds: PASSES })}`;
    const quit = await rig.change(rig.base, { "a.test.js": quits });
    const left = only(
      (await verify(rig, quit, { baseline: await baselineOf(rig) })).receipt.results,
    );
    expect(left.exitCode).toBe(0);
    expect(left.verdict).not.toBe("pass");
    const none = await rig.change(rig.base, { "a.test.js": "// none" });
    const empty = only(
      (await verify(rig, none, { baseline: await baselineOf(rig) })).receipt.results,
    );
    expect(empty.verdict).not.toBe("pass");
  });

  it("passes what is red on the base too, by the same tests and no other", async () => {
    await using rig = await rigOf({ adds: PASSES, subtracts: FAILS });
    const baseline = await baselineOf(rig, true);
    const red = await rig.change(rig.base, { "b.txt": "harmless" });
    const same = (await verify(rig, red, { baseline })).receipt;
    expect(only(same.results)).toMatchObject({
      ...{ verdict: "pass", exitCode: 1 },
      baseRed: { failing: 1, receipt: baseline[0]?.red?.receipt },
    });
    const tests = { adds: FAILS, subtracts: FAILS };
    const worse = await rig.change(rig.base, { "a.test.js": suite(tests) });
    const broken = only((await verify(rig, worse, { baseline })).receipt.results);
    expect(broken.verdict).toBe("fail");
    expect(broken.reason).toMatch(/1 test fails that did not on the base: .*adds/);
    const mended = await rig.change(rig.base, {
      "a.test.js": suite({ adds: PASSES, subtracts: PASSES }),
    });
    const green = only((await verify(rig, mended, { baseline })).receipt.results);
    expect(green).toMatchObject({ verdict: "pass", exitCode: 0 });
    expect(green.baseRed).toBeUndefined();
  });
});

describe("a verification that is red", () => {
  /** The same engine, whose gates are told how many were run before them. */
  const counting = (): Sandboxes => {
    let round = 0;
    return new Proxy(harness.sandboxes, {
      get(target, key) {
        if (key === "runGate")
          return (...[spec, signal]: Parameters<Sandboxes["runGate"]>) =>
            target.runGate({ ...spec, env: { ...spec.env, ROUND: String(++round) } }, signal);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };

  it("is made again where it is to be, and what differs was flaky: the second stands by itself", async () => {
    const flaky = '() => assert.notEqual(process.env.ROUND, "1")';
    await using rig = await rigOf({ adds: PASSES, flaky }, counting());
    const { receipt, first } = await verify(rig, rig.base, { twice: true });
    expect(only(receipt.results)).toMatchObject({ verdict: "pass" });
    const before = only(first?.results ?? []);
    expect(before.verdict).toBe("flaky");
    expect(before.reason).toMatch(/^fail \(exit 1: 1 test fails: .*flaky\), then pass \(/);
    const recorded = (await rig.store.state(rig.run))?.receipts ?? {};
    expect(Object.keys(recorded).sort()).toEqual([receipt.id, first?.id].sort());
    const notes = (await rig.store.events(rig.run)).flatMap((e) =>
      e.type === "note.added" ? [e.text] : [],
    );
    expect(notes).toEqual([expect.stringMatching(/^gate test is flaky: fail/)]);
  });

  it("stays red where the second run is red as well, and is not made again unless it is to be", async () => {
    await using rig = await rigOf({ adds: FAILS });
    const { receipt, first } = await verify(rig, rig.base, { twice: true });
    expect(only(receipt.results).verdict).toBe("fail");
    expect(only(first?.results ?? []).verdict).toBe("fail");
    expect((await verify(rig, rig.base)).first).toBeUndefined();
  });
});
