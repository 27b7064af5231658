import { createHash } from "node:crypto";
import {
  Gate,
  type GateEnd,
  GateResult,
  type GateSpec,
  isGreen,
  OFFLINE_ENV,
  Policy,
  type GateResult as Result,
  TestOutcomes,
} from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { ended, reportFor, TableEngine } from "./exec-fixture.ts";
import { runGates } from "./run-gates.ts";

const gate = (name: string, timeoutS = 60) => Gate.parse({ name, run: `run ${name}`, timeoutS });
const policy = Policy.parse({
  gates: [],
  setup: [],
  protected: [],
  env: { TZ: "UTC" },
  from: { gates: "file", setup: "none" },
});

const bench = (sandboxes: TableEngine) => {
  const blobs = new Map<string, string>();
  return {
    blobs,
    sandboxes,
    policy,
    image: "image:1",
    tar: Uint8Array.of(1, 2),
    labels: { run: "run-1", step: "step-1" },
    putBlob: async (bytes: Uint8Array) => {
      const id = createHash("sha256").update(bytes).digest("hex");
      blobs.set(id, Buffer.from(bytes).toString());
      return id;
    },
  };
};

describe("gates", () => {
  test("are run in order, each in its own container, with the policy's limits", async () => {
    const engine = new TableEngine({
      "run a": [ended({ output: "a says", durationMs: 12.6 })],
      "run b": [ended({ exitCode: 3 })],
    });
    const setting = bench(engine);
    const told: Result[] = [];
    const results = await runGates({
      ...setting,
      gates: [gate("a", 5), gate("b")],
      onResult: async (result) => {
        told.push(result);
      },
    });
    const baseline = "none";
    expect(results.map(({ log: _log, ...rest }) => rest)).toEqual([
      { gate: "a", verdict: "pass", reason: "exit 0", exitCode: 0, durationMs: 13, baseline },
      { gate: "b", verdict: "fail", reason: "exit 3", exitCode: 3, durationMs: 100, baseline },
    ]);
    expect(told).toEqual(results);
    expect(setting.blobs.get(results[0]?.log ?? "")).toBe("a says");
    for (const result of results) GateResult.parse(result);
    const { beside, collect, env, ...asked } = engine.asked[0] ?? {};
    expect(env).toMatchObject({ ...OFFLINE_ENV, TZ: "UTC" });
    expect(collect?.path.startsWith(`${beside?.path}/`)).toBe(true);
    expect(asked).toEqual({
      image: "image:1",
      limits: policy.limits,
      services: policy.services,
      isolation: policy.isolation,
      labels: { run: "run-1", step: "step-1" },
      command: "run a",
      tar: Uint8Array.of(1, 2),
      timeoutMs: 5000,
      maxOutputBytes: 262_144,
    });
  });

  test("run two at a time, and are told in their order whichever ends first", async () => {
    const [second, third] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asked: string[] = [];
    const sandboxes = {
      async runGate({ command }: GateSpec) {
        asked.push(command);
        if (command === "run b") second.resolve();
        // nothing but the second lets the first end, and the third begins only then
        if (command === "run a") await second.promise;
        if (command === "run c") third.resolve();
        if (command === "run b") await third.promise;
        return ended();
      },
    };
    const told: string[] = [];
    const onResult = (result: Result) => void told.push(result.gate);
    const engine = new TableEngine({});
    const gates = [gate("a"), gate("b"), gate("c")];
    await runGates({ ...bench(engine), sandboxes, gates, onResult });
    expect(asked).toEqual(["run a", "run b", "run c"]);
    expect(told).toEqual(["a", "b", "c"]);
  });

  test("after one that the engine could not run are not tried, and the whole is not green", async () => {
    const engine = new TableEngine({
      "run a": [ended()],
      "run b": [new Error("the engine is gone\n  start it")],
      "run c": [ended()],
    });
    const gates = [gate("a"), gate("b"), gate("c")];
    const results = await runGates({ ...bench(engine), gates });
    expect(results.map((r) => [r.gate, r.verdict, r.reason])).toEqual([
      ["a", "pass", "exit 0"],
      ["b", "infra_error", "could not be run: the engine is gone. start it"],
    ]);
    const key = {
      tree: "a".repeat(40),
      landingBaseTree: "b".repeat(40),
      policy: "c".repeat(64),
      image: "image:1",
      permits: [],
      gates: ["a", "b", "c"],
    };
    expect(isGreen({ key, results })).toBe(false);
  });

  test("go on after a red one, so that all that is wrong is told at once", async () => {
    const engine = new TableEngine({ "run a": [ended({ exitCode: 127 })], "run b": [ended()] });
    const results = await runGates({ ...bench(engine), gates: [gate("a"), gate("b")] });
    expect(results.map((r) => r.verdict)).toEqual(["not_run", "pass"]);
  });

  test("end with the reason of the abort, which is nobody's failure", async () => {
    const controller = new AbortController();
    const engine = new TableEngine({ "run a": [ended()], "run b": [ended()], "run c": [ended()] });
    const running = runGates({
      ...bench(engine),
      gates: [gate("a"), gate("b"), gate("c")],
      signal: controller.signal,
      onResult: () => controller.abort(new Error("cancelled")),
    });
    await expect(running).rejects.toThrow("cancelled");
    expect(engine.asked.map((spec) => spec.command)).not.toContain("run c");
  });

  test("let a listener stop them, as a worker does whose epoch is old", async () => {
    const engine = new TableEngine({ "run a": [ended()] });
    const onResult = () => Promise.reject(new Error("stale"));
    await expect(runGates({ ...bench(engine), gates: [gate("a")], onResult })).rejects.toThrow(
      "stale",
    );
  });
});

describe("what the runner of a gate reports", () => {
  const TESTS: TestOutcomes = [
    { name: "a", outcome: "passed" },
    { name: "b", outcome: "passed" },
    { name: "c", outcome: "skipped" },
    { name: "d", outcome: "todo" },
  ];
  const reporting = (collected: (spec: GateSpec) => GateEnd["collected"], exitCode = 0) => {
    const setting = bench(new TableEngine({}));
    const sandboxes = {
      async runGate(spec: GateSpec): Promise<GateEnd> {
        const left = collected(spec);
        return { ...ended({ exitCode }), ...(left === undefined ? {} : { collected: left }) };
      },
    };
    return { ...setting, sandboxes, gates: [gate("a")] };
  };

  test("is counted in its result, with every test by name in a blob", async () => {
    const setting = reporting((spec) => reportFor(spec, TESTS));
    const [result] = await runGates(setting);
    expect(GateResult.parse(result)).toMatchObject({
      verdict: "pass",
      tests: { total: 4, passed: 2, failed: 0, skipped: 2 },
      baseline: "none",
    });
    const list = setting.blobs.get(result?.tests?.list ?? "") ?? "";
    expect(TestOutcomes.parse(JSON.parse(list))).toEqual(TESTS);
  });

  test("is compared with the tests of the base under the same gate", async () => {
    const outcomes = [...TESTS, { name: "e", outcome: "passed" as const }];
    const baseline = [
      { gate: "b", list: "b".repeat(64), outcomes: [] },
      { gate: "a", list: "a".repeat(64), outcomes },
    ];
    const setting = { ...reporting((spec) => reportFor(spec, TESTS)), baseline };
    const [red] = await runGates(setting);
    expect(red).toMatchObject({ verdict: "fail", baseline: "a".repeat(64) });
    expect(red?.reason).toContain("1 test is gone: e");
    const [permitted] = await runGates({ ...setting, permits: ["gates:a"] });
    expect(permitted).toMatchObject({ verdict: "pass", baseline: "a".repeat(64) });
  });

  test("makes a green gate red where it is not this gate's own, or was cut", async () => {
    const forged = reporting((spec) => reportFor(spec, TESTS, "0".repeat(32)));
    const cut = reporting((spec) => ({ ...reportFor(spec, TESTS), cut: true }));
    for (const setting of [forged, cut]) {
      const [result] = await runGates(setting);
      expect(result).toMatchObject({ verdict: "fail" });
      expect(result?.reason).toContain("its test report cannot be trusted");
      expect(result?.tests).toBeUndefined();
    }
  });

  test("stands under another nonce in each gate, which its tree cannot know", async () => {
    const engine = new TableEngine({ "run a": [ended(), ended()] });
    const setting = { ...bench(engine), gates: [gate("a")] };
    await runGates(setting);
    await runGates(setting);
    const folders = engine.asked.map(({ beside }) => beside?.path);
    expect(new Set(folders).size).toBe(2);
    for (const folder of folders) expect(folder).toMatch(/\/[0-9a-f]{32}$/);
  });
});
