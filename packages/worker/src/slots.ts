import type { Clock } from "@headrace/domain";

/** Places beyond the slots, for runs that would have none. */
const SPARE = 2;
const STAND_BY_MS = 1_000;
const LATER_MS = 1_000;
/** Jobs of one run that are sent away come again one after the other, however many there are. */
const APART_MS = 100;

/** What one run has of a worker. */
type Share = { held: number; comesAgain: number };

type StandBy = { run: string; end: (slot: Disposable | undefined) => void };

/**
 * The slots of one worker, shared by the runs whose jobs it is given. Any run may have all of them while no other asks; one
 * that has none gets a slot although they are taken, so that it never waits for the long jobs of another. Of those that
 * have some, one job waits here for the next slot, and the others are sent back to the queue for a moment.
 */
export class Slots {
  /** Jobs to be given at a time, for some to find out that there is no slot for them. */
  readonly deliveries: number;
  readonly #slots: number;
  readonly #clock: Clock;
  /** of the runs that hold a slot */
  readonly #shares = new Map<string, Share>();
  #taken = 0;
  #standBy: StandBy | undefined;

  constructor(slots: number, clock: Clock) {
    this.deliveries = slots + SPARE;
    this.#slots = slots;
    this.#clock = clock;
  }

  /** A slot until it is disposed of, or when to ask again. An abort ends the wait early. */
  async take(run: string, signal: AbortSignal): Promise<Disposable | Date> {
    const share = this.#shares.get(run);
    if (share === undefined || this.#taken < this.#slots) return this.#give(run);
    const next = this.#standBy && this.#shares.get(this.#standBy.run);
    // a spare place in use: what becomes free is that
    if (this.#taken > this.#slots || (next && next.held <= share.held)) {
      share.comesAgain = Math.max(this.#in(LATER_MS), share.comesAgain + APART_MS);
      return new Date(share.comesAgain);
    }
    return (await this.#waitForSlot(run, signal)) ?? new Date(this.#in(APART_MS));
  }

  #give(run: string): Disposable {
    const share = this.#shares.get(run) ?? { held: 0, comesAgain: 0 };
    this.#shares.set(run, share);
    share.held += 1;
    this.#taken += 1;
    return {
      [Symbol.dispose]: () => {
        share.held -= 1;
        this.#taken -= 1;
        if (share.held === 0) this.#shares.delete(run);
        const next = this.#standBy?.run;
        if (next === undefined) return;
        if (this.#taken < this.#slots || !this.#shares.has(next))
          this.#endStandBy(this.#give(next));
      },
    };
  }

  /** Not for long: another worker may have a slot, or a run with less may ask for the next one here. */
  async #waitForSlot(run: string, signal: AbortSignal): Promise<Disposable | undefined> {
    this.#endStandBy();
    const { promise, resolve } = Promise.withResolvers<Disposable | undefined>();
    const over = new AbortController();
    const own: StandBy = { run, end: resolve };
    this.#standBy = own;
    const sleep = this.#clock.sleep(STAND_BY_MS, AbortSignal.any([signal, over.signal]));
    const giveUp = () => {
      if (this.#standBy === own) this.#endStandBy();
    };
    sleep.then(giveUp, giveUp);
    const slot = await promise;
    over.abort();
    return slot;
  }

  #endStandBy(slot?: Disposable): void {
    const next = this.#standBy;
    this.#standBy = undefined;
    next?.end(slot);
  }

  #in(ms: number): number {
    return this.#clock.now().getTime() + ms;
  }
}
