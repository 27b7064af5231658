import {
  type CallGrant,
  type CallRequest,
  type Candidate,
  candidateKey,
  canonicalJson,
  type Decision,
  type Fence,
  type Route,
  type StepRow,
  type TryRow,
} from "@headrace/domain";
import { failureEvents } from "./call-events.ts";
import { eventOwner } from "./dispatcher.ts";
import type { Context } from "./options.ts";
import type { ProviderHealth } from "./provider-health.ts";

/** What stood in an ask's way, at most: each is a row, and rows are read by people. */
const MOST_TOLD = 20;

type Open = {
  fence: Fence;
  begun: Date;
  /** candidates whose count is awaited */
  counting: Set<string>;
  /** decisions that were recorded */
  told: Set<string>;
};

/** Asks under way: since when, and whose answer to a count is awaited. What is forgotten in a restart begins anew. */
export class Asks {
  readonly #context: Context;
  readonly #health: ProviderHealth;
  readonly #open = new Map<string, Open>();

  constructor(context: Context, health: ProviderHealth) {
    this.#context = context;
    this.#health = health;
  }

  /**
   * Since when it is asked, its tries so far, and which of their candidates have replied in the run; a count that failed
   * since the last look is one of the tries.
   */
  async look(
    fence: Fence,
    call: CallRequest,
    { step, route }: { step: StepRow; route: Route },
  ): Promise<{ begun: Date; tries: TryRow[]; proven: string[] }> {
    const { store, clock } = this.#context;
    const fresh = {
      fence,
      begun: clock.now(),
      counting: new Set<string>(),
      told: new Set<string>(),
    };
    const ask = this.#open.get(call.ask) ?? fresh;
    this.#open.set(call.ask, ask);
    const tries = await store.tries(fence.run, call.ask);
    for (const count of call.counted ?? []) {
      if (!ask.counting.delete(count.candidate) || !("failed" in count)) continue;
      const candidate = route.candidates.find((one) => candidateKey(one) === count.candidate);
      if (candidate === undefined) continue;
      const { failed } = count;
      const { provider, model } = candidate;
      const row: TryRow = {
        at: clock.now().toISOString(),
        ...{ run: fence.run, step: step.id, role: call.role, turn: call.turn, ask: call.ask },
        ...eventOwner(step),
        ...{ provider, model, outcome: failed.class, durationMs: 0, ordinal: tries.length + 1 },
        ...(failed.status === undefined ? {} : { status: failed.status }),
      };
      await store.recordTry(row);
      tries.push(row);
      const end = { kind: "failed", failure: failed } as const;
      const learned = await this.#health.answered(call.ask, candidate, end);
      await store.append(fence.run, failureEvents(step, candidate, failed, learned), fence);
    }
    return { begun: ask.begun, tries, proven: await this.#proven(fence.run, tries) };
  }

  async #proven(run: string, tries: readonly TryRow[]): Promise<string[]> {
    const tried = new Map(tries.map((row) => [candidateKey(row), row]));
    const proven: string[] = [];
    for (const [key, { provider, model }] of tried)
      if ((await this.#context.store.lastUsed(run, { provider, model })) !== undefined)
        proven.push(key);
    return proven;
  }

  count({ ask }: CallRequest, candidate: Candidate): CallGrant {
    this.#open.get(ask)?.counting.add(candidateKey(candidate));
    return { kind: "count", candidate };
  }

  /**
   * Whether it was not told this decision before, but for times and costs, which move with every look. An ask that is
   * sent to and fro is told so no more than `MOST_TOLD` times.
   */
  isNews({ ask }: CallRequest, { until: _, considered, ...decision }: Decision): boolean {
    const told = this.#open.get(ask)?.told ?? new Set();
    const lasting = considered.map(({ until: __, estimate: ___, ...one }) => one);
    const key = canonicalJson({ ...decision, considered: lasting });
    if (told.has(key) || told.size >= MOST_TOLD) return false;
    told.add(key);
    return true;
  }

  /** Asks of a claim that has ended are over. */
  forget({ run, step, epoch }: Fence): void {
    for (const [ask, { fence }] of this.#open)
      if (fence.run === run && fence.step === step && fence.epoch <= epoch) this.#open.delete(ask);
  }

  /** It has its reply. */
  over(ask: string): void {
    this.#open.delete(ask);
  }
}
