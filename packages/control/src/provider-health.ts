import {
  type Candidate,
  candidateKey,
  type FailureFacts,
  type Fence,
  PRODUCT,
} from "@headrace/domain";
import {
  answered,
  began,
  type CallEnd,
  changedRows,
  type Health,
  NO_HEALTH,
  type Outgoing,
  reached,
  readHealth,
  released,
  restored,
  sent,
} from "@headrace/router";
import type { Context } from "./options.ts";

type Named = Pick<Candidate, "provider" | "model" | "pool">;

/** What a failure changed: until when its candidate is not asked, and what a person must see to, told once. */
export type Learned = { until?: string; alert?: string };

/** What replies taught of limits is kept this often; failures at once. */
const SAVE_EVERY_MS = 10_000;

/** Beside the rows of health: the fingerprint of the providers' settings that they were learned under. */
const SETTINGS = "settings";

/**
 * What is known of providers, for all workers and runs: in memory, where two callers can never both take the last slot,
 * the probe of a circuit or a prefix, and in the store for the next process.
 */
export class ProviderHealth {
  readonly #context: Context;
  /** calls that were sent and of which nobody has told since */
  readonly #underWay = new Map<string, { fence: Fence; candidate: Named }>();
  #now: Health = NO_HEALTH;
  #saved: Health = NO_HEALTH;
  #savedAt = 0;
  #loading: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  /** To be awaited before the first look. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    // a store that was busy is asked again by the next caller
    this.#loading.catch(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const rows = await this.#context.store.health();
    this.#saved = readHealth(rows);
    this.#now = this.#saved;
    await this.#heed(rows[SETTINGS]);
    // nobody of an earlier process is left to tell of its calls
    for (const [provider, { calls }] of Object.entries(this.#now.providers))
      for (const [id, { model, pool }] of Object.entries(calls)) {
        this.#learn(id, { provider, model, pool }, { kind: "lost" });
      }
  }

  /** Whoever changes the settings has acted: what was known under others stands in nobody's way. */
  async #heed(before: unknown): Promise<void> {
    const { settings = "", store } = this.#context;
    if (before === settings) return;
    if (before !== undefined) {
      this.#now = restored(this.#now);
      await this.save();
    }
    await store.putHealth(SETTINGS, settings);
  }

  get now(): Health {
    return this.#now;
  }

  /** The call takes its place; in the same tick as the choice of its candidate. */
  take(fence: Fence, out: Outgoing): void {
    this.#now = sent(this.#now, out, this.#at);
    this.#underWay.set(out.call, { fence, candidate: out.candidate });
  }

  /** It was not sent after all. */
  giveBack(call: string): void {
    this.#now = released(this.#now, call);
    this.#underWay.delete(call);
  }

  began(call: string): void {
    this.#now = began(this.#now, call, this.#at);
  }

  /** What it would teach; nothing is learned yet. */
  lesson(id: string, candidate: Named, end: CallEnd): Learned {
    return end.kind === "failed"
      ? this.#learned(this.#after(id, candidate, end), candidate, end.failure)
      : {};
  }

  /** A reply, or a failure; `id` may be of a call that was never sent, where tokens were only counted. */
  async answered(id: string, candidate: Named, end: CallEnd): Promise<Learned> {
    const learned = this.lesson(id, candidate, end);
    this.#learn(id, candidate, end);
    const due = this.#at.getTime() - this.#savedAt >= SAVE_EVERY_MS;
    if (end.kind === "failed" || due) await this.save();
    return learned;
  }

  /** Calls of a claim that has ended, and orphans that were settled, hold no place any more. */
  free(gone: Fence | readonly string[]): void {
    for (const [id, { fence, candidate }] of this.#underWay) {
      const isGone =
        "length" in gone
          ? gone.includes(id)
          : fence.run === gone.run && fence.step === gone.step && fence.epoch <= gone.epoch;
      if (isGone) this.#learn(id, candidate, { kind: "lost" });
    }
  }

  /** A person has acted: these candidates are asked again, whatever was known of keys, models and times. */
  async restore(of: readonly Named[]): Promise<void> {
    await this.load();
    this.#now = restored(this.#now, of);
    await this.save();
  }

  /** These providers have answered: their keys and models are asked again, at the times that they stated. */
  async reached(providers: readonly string[]): Promise<void> {
    await this.load();
    this.#now = reached(this.#now, providers);
    await this.save();
  }

  /** Keeps what is known now; what cannot be kept is said and learned again. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const now = this.#now;
      try {
        for (const { key, value } of changedRows(this.#saved, now))
          await this.#context.store.putHealth(key, value);
        this.#saved = now;
        this.#savedAt = this.#at.getTime();
      } catch (error) {
        this.#context.log(`what is known of providers was not kept: ${String(error)}`);
      }
    });
    return this.#saving;
  }

  get #at(): Date {
    return this.#context.clock.now();
  }

  #learn(id: string, candidate: Named, end: CallEnd): void {
    this.#underWay.delete(id);
    this.#now = this.#after(id, candidate, end);
  }

  #after(id: string, candidate: Named, end: CallEnd): Health {
    const { settings = "" } = this.#context;
    return answered(this.#now, { id, candidate }, end, settings, this.#at);
  }

  #learned(after: Health, candidate: Named, failure: FailureFacts): Learned {
    const until = closedUntil(after, candidate, this.#at);
    const alert = alertOf({ before: this.#now, after, at: this.#at }, candidate, failure);
    return { ...(until === undefined ? {} : { until }), ...(alert === undefined ? {} : { alert }) };
  }
}

/** When the candidate may be asked again, where it may not be now (RFC 3339). */
const closedUntil = (health: Health, candidate: Named, at: Date): string | undefined => {
  const row = health.candidates[candidateKey(candidate)];
  const credential = health.providers[candidate.provider]?.credential;
  const pool = health.pools[`${candidate.provider}/${candidate.pool}`];
  const times = [
    row?.notBefore,
    row?.circuit.state === "open" ? row.circuit.until : undefined,
    credential?.state === "out" ? credential.until : undefined,
    pool?.emptyUntil,
  ].filter((time) => time !== undefined);
  const last = Math.max(0, ...times);
  return last > at.getTime() ? new Date(last).toISOString() : undefined;
};

/** What a person must see to, when it is new. */
const alertOf = (
  { before, after, at }: { before: Health; after: Health; at: Date },
  { provider, model }: Named,
  { class: kind, reason }: FailureFacts,
): string | undefined => {
  const was = before.providers[provider]?.credential;
  const is = after.providers[provider]?.credential;
  const key = candidateKey({ provider, model });
  switch (kind) {
    case "auth":
      return is?.state !== "isolated" || (was?.state === "isolated" && was.config === is.config)
        ? undefined
        : `the key of provider ${provider} is refused, and no call is sent to it until it is changed: put a valid one in place, restart the factory (\`${PRODUCT} stop\`) and resume (${reason})`;
    case "credit":
      return is?.state !== "out" || (was?.state === "out" && was.until > at.getTime())
        ? undefined
        : `provider ${provider} is out of credit, and no call is sent to it before ${new Date(is.until).toISOString()}: add credit or raise its limit there, then \`${PRODUCT} resume\` the run (${reason})`;
    case "gone":
      return after.candidates[key]?.gone === before.candidates[key]?.gone
        ? undefined
        : `provider ${provider} has no model ${model} for this key, and it is not asked again: name another in the routes of config.yaml (${reason})`;
    default:
      return undefined;
  }
};
