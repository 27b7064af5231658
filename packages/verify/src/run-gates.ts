import {
  type ExecResult,
  type Gate,
  type GateResult,
  OFFLINE_ENV,
  type Policy,
  type Sandboxes,
  type SandboxLabels,
  type SandboxLimits,
} from "@headrace/domain";
import { judge } from "./judge.ts";

const MAX_LOG_BYTES = 256 * 1024;

/** One tree and where it is checked. */
export type GateBench = {
  sandboxes: Pick<Sandboxes, "runGate">;
  /** the environment image */
  image: string;
  /** the tree, as `FactoryRepo.tar` builds it */
  tar: Uint8Array;
  policy: Pick<Policy, "limits" | "env" | "services" | "isolation">;
  labels: SandboxLabels;
  signal?: AbortSignal | undefined;
};

/** A gate's result before its log has a place, with the bounded output itself. */
export type GateRun = { result: Omit<GateResult, "log">; output: string };

const ended = (gate: Gate, exec: ExecResult, limits: SandboxLimits): GateRun => ({
  result: {
    gate: gate.name,
    ...judge(exec, limits),
    exitCode: exec.exitCode,
    durationMs: Math.max(0, Math.round(exec.durationMs)),
  },
  output: exec.output,
});

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
  try {
    const exec = await bench.sandboxes.runGate(
      {
        image: bench.image,
        limits: bench.policy.limits,
        env: { ...OFFLINE_ENV, ...bench.policy.env },
        services: bench.policy.services,
        isolation: bench.policy.isolation,
        labels: bench.labels,
        command: gate.run,
        tar: bench.tar,
        timeoutMs: gate.timeoutS * 1000,
        maxOutputBytes: MAX_LOG_BYTES,
      },
      bench.signal,
    );
    return ended(gate, exec, bench.policy.limits);
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
      const log = await putBlob(new TextEncoder().encode(run.output));
      const result = { ...run.result, log };
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
