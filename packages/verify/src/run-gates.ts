import {
  type Gate,
  type GateEnd,
  type GateResult,
  type GateTests,
  OFFLINE_ENV,
  type Policy,
  type Sandboxes,
  type SandboxLabels,
  type TestOutcomes,
} from "@headrace/domain";
import { isSkipped } from "./compare-tests.ts";
import { type Baseline, judge } from "./judge.ts";
import {
  type GateReporting,
  gateReporting,
  type ReportAnswer,
  readReports,
} from "./reports/index.ts";

const MAX_LOG_BYTES = 256 * 1024;
/** Of all reports of one gate: some 50,000 tests, from as many runners as a large workspace starts. */
const MAX_REPORT_BYTES = 32 * 1024 * 1024;
const MAX_REPORTS = 4096;

/** One tree and where it is checked. */
export type GateBench = {
  sandboxes: Pick<Sandboxes, "runGate">;
  /** the environment image */
  image: string;
  /** the variables that it brings */
  imageEnv?: Readonly<Record<string, string>> | undefined;
  /** the tree, as `FactoryRepo.tar` builds it */
  tar: Uint8Array;
  policy: Pick<Policy, "limits" | "env" | "services" | "isolation">;
  labels: SandboxLabels;
  /** tests of the landing base, by gate; where a gate has none, nothing is compared */
  baseline?: readonly Baseline[];
  /** what the accepted plan lets the task change */
  permits?: readonly string[];
  signal?: AbortSignal | undefined;
};

/** A gate's result before its log and tests have a place, with the bounded output itself and what was reported. */
export type GateRun = {
  result: Omit<GateResult, "log" | "tests">;
  output: string;
  tests?: TestOutcomes;
  /** it was ended at its timeout */
  timedOut?: true;
};

const answerOf = (
  { collected }: GateEnd,
  { nonce }: GateReporting,
  { report }: Gate,
): ReportAnswer => {
  if (collected?.cut)
    return { kind: "unreadable", reason: "there are more or larger reports than are read" };
  return readReports(collected?.files ?? [], nonce, report);
};

const ended = (bench: GateBench, gate: Gate, end: GateEnd, reporting: GateReporting): GateRun => {
  const answer = answerOf(end, reporting, gate);
  const baseline = bench.baseline?.find((one) => one.gate === gate.name);
  const { limits } = bench.policy;
  const facts = { gate: gate.name, limits, answer, baseline, permits: bench.permits ?? [] };
  return {
    result: {
      gate: gate.name,
      ...judge(end, facts),
      exitCode: end.exitCode,
      durationMs: Math.max(0, Math.round(end.durationMs)),
      baseline: baseline?.list ?? "none",
    },
    output: end.output,
    ...(end.timedOut ? { timedOut: true } : {}),
    ...(answer.kind === "report" ? { tests: answer.report.tests } : {}),
  };
};

/** Lines as sentences of one line. */
const asOneLine = (text: string): string =>
  text
    .trim()
    .split(/\s*\n\s*/)
    .map((line, i, { length }) => (i === length - 1 || /[.:;,!?]$/.test(line) ? line : `${line}.`))
    .join(" ");

/** Runs one gate in a fresh container. Whatever the engine fails at is an `infra_error`; rejects only when aborted. */
export const runGate = async (bench: GateBench, gate: Gate): Promise<GateRun> => {
  bench.signal?.throwIfAborted();
  const reporting = await gateReporting(gate.report);
  const env = { ...OFFLINE_ENV, ...bench.policy.env };
  try {
    const end = await bench.sandboxes.runGate(
      {
        image: bench.image,
        limits: bench.policy.limits,
        env: { ...env, ...reporting.env({ ...bench.imageEnv, ...env }) },
        services: bench.policy.services,
        isolation: bench.policy.isolation,
        labels: bench.labels,
        command: gate.run,
        tar: bench.tar,
        beside: { path: reporting.folder, tar: reporting.tar },
        collect: { path: reporting.out, maxBytes: MAX_REPORT_BYTES, maxFiles: MAX_REPORTS },
        timeoutMs: gate.timeoutS * 1000,
        maxOutputBytes: MAX_LOG_BYTES,
      },
      bench.signal,
    );
    return ended(bench, gate, end, reporting);
  } catch (error) {
    bench.signal?.throwIfAborted();
    const output = error instanceof Error ? error.message : String(error);
    const reason = `could not be run: ${asOneLine(output)}`.slice(0, 500);
    return {
      result: { gate: gate.name, verdict: "infra_error", reason, exitCode: null, durationMs: 0 },
      output,
    };
  }
};

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const countsOf = (tests: TestOutcomes): Omit<GateTests, "list"> => ({
  total: tests.length,
  passed: tests.filter(({ outcome }) => outcome === "passed").length,
  failed: tests.filter(({ outcome }) => outcome === "failed").length,
  skipped: tests.filter(isSkipped).length,
});

/** The result with its log and its tests put where they stay. */
const kept = async (
  { result, output, tests }: GateRun,
  putBlob: (bytes: Uint8Array) => Promise<string>,
): Promise<GateResult> => {
  const log = await putBlob(encode(output));
  if (tests === undefined) return { ...result, log };
  const list = await putBlob(encode(JSON.stringify(tests)));
  return { ...result, log, tests: { ...countsOf(tests), list } };
};

/** A machine of two processors runs two without either taking longer for the other. */
const AT_ONCE = 2;

/**
 * Runs gates two at a time, and stores and tells their results in the gates' order. After an `infra_error` the rest
 * are not waited for: their results are absent, which no receipt counts as green. Rejects when aborted, or when
 * `putBlob` or `onResult` does; nothing runs any more when it settles.
 */
export const runGates = async (
  bench: GateBench & {
    gates: readonly Gate[];
    putBlob(bytes: Uint8Array): Promise<string>;
    /** told of each gate once it and those before it have ended */
    onResult?: ((result: GateResult) => Promise<void> | void) | undefined;
  },
): Promise<GateResult[]> => {
  const { gates, putBlob, onResult } = bench;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(bench.signal ? [bench.signal] : [])]);
  const runs: Promise<GateRun>[] = [];
  const startUpTo = (count: number) => {
    for (const gate of gates.slice(runs.length, count)) {
      const run = runGate({ ...bench, signal }, gate);
      // whoever waits for it in its turn is told
      run.catch(() => {});
      runs.push(run);
    }
  };
  const results: GateResult[] = [];
  try {
    startUpTo(AT_ONCE);
    for (let run = await runs[0]; run !== undefined; run = await runs[results.length]) {
      const result = await kept(run, putBlob);
      results.push(result);
      await onResult?.(result);
      if (result.verdict === "infra_error") break;
      startUpTo(results.length + AT_ONCE);
    }
    return results;
  } finally {
    stop.abort(new Error("the other gates are no longer wanted"));
    await Promise.allSettled(runs);
  }
};
