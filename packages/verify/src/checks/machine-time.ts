import { type Gate, InfrastructureError } from "@headrace/domain";
import { type GateBench, type GateRun, runGate } from "../run-gates.ts";

/** No gate comes to anything in less. */
const MIN_MS = 1000;

/** What gates may run for all checks of one verification. Waiting for the machine costs nothing. */
export class MachineTime {
  readonly totalMs: number;
  #usedMs = 0;

  constructor(totalMs: number) {
    this.totalMs = totalMs;
  }

  get usedMs(): number {
    return this.#usedMs;
  }

  get isUp(): boolean {
    return this.#leftMs < MIN_MS;
  }

  get #leftMs(): number {
    return this.totalMs - this.#usedMs;
  }

  /**
   * Runs a gate for no longer than its share of what is left, where so many run `atOnce`; undefined where nothing is
   * left, or where that ended it. Throws `InfrastructureError` where it could not be run; rejects when aborted.
   */
  async run(bench: GateBench, gate: Gate, atOnce = 1): Promise<GateRun | undefined> {
    if (this.isUp) return undefined;
    const timeoutS = Math.min(gate.timeoutS, Math.ceil(this.#leftMs / atOnce / 1000));
    const run = await runGate(bench, { ...gate, timeoutS });
    if (run.result.verdict === "infra_error") throw new InfrastructureError(run.result.reason);
    this.#usedMs += run.result.durationMs;
    return run.timedOut && timeoutS < gate.timeoutS ? undefined : run;
  }
}
