import type { StoredEvent } from "@headrace/domain";

export type Commit = { run: string; events: StoredEvent[] };
export type CommitListener = (run: string, events: StoredEvent[]) => void;

/**
 * Tells listeners what was committed, in the order of the commits even when a listener commits again. A
 * listener that throws becomes a process warning: the commit stands, and the others are told.
 */
export class CommitFeed {
  readonly #listeners = new Set<{ tell: CommitListener }>();
  readonly #untold: Commit[] = [];
  #telling = false;

  subscribe(tell: CommitListener): () => void {
    const entry = { tell };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  publish(commits: readonly Commit[]): void {
    this.#untold.push(...commits);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift())
      for (const { tell } of [...this.#listeners]) this.#tell(tell, next);
    this.#telling = false;
  }

  #tell(tell: CommitListener, commit: Commit): void {
    try {
      tell(commit.run, commit.events);
    } catch (error) {
      process.emitWarning(
        `a listener failed on a commit of run ${commit.run}: ${error instanceof Error ? error.stack : error}`,
      );
    }
  }
}
