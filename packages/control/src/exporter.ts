import {
  branchRef,
  integrationBranch,
  type NewEvent,
  type RunState,
  type SourceRepo,
  type StoredEvent,
  slug,
  taskBranch,
} from "@headrace/domain";
import { type Context, stateOf } from "./options.ts";

/** Where each of the run's branches should stand now, from rows alone. */
export const wantedRefs = (state: RunState): Record<string, string> => {
  const wanted: Record<string, string> = {
    [branchRef(integrationBranch(state.run.id))]: state.run.tip,
  };
  for (const row of Object.values(state.tasks)) {
    const parked =
      state.run.endedAt !== undefined || !["active", "queued"].includes(state.run.status);
    const kept = row.status === "quarantined" || parked ? row.workingChange : undefined;
    const commit = row.status === "landed" ? row.change : kept;
    if (commit) wanted[branchRef(taskBranch(state.run.id, row.id, slug(row.task.title)))] = commit;
  }
  return wanted;
};

const EXPORTS: ReadonlySet<StoredEvent["type"]> = new Set([
  "run.submitted",
  "merge.landed",
  "task.quarantined",
  "budget.stopped",
  "run.failed",
  "run.paused",
  "run.completed",
  "run.incomplete",
  "run.cancelled",
]);

export const asksForExport = (events: readonly StoredEvent[]): boolean =>
  events.some((e) => EXPORTS.has(e.type));

/**
 * Keeps the branches in the user's repository where the rows say, by compare-and-swap from what was exported
 * before. A branch the user moved or deleted is theirs from then on: it is said once and the run goes on.
 */
export class Exporter {
  readonly #context: Context;
  #last: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  /** One export at a time; each reads the rows when its turn comes. */
  export(run: string): Promise<void> {
    this.#last = this.#last
      .then(() => this.#export(run))
      .catch((cause) => {
        this.#context.log(
          `export of ${run}: ${cause instanceof Error ? cause.message : String(cause)}`,
        );
      });
    return this.#last;
  }

  async #export(run: string): Promise<void> {
    const { store, repos } = this.#context;
    const state = await stateOf(store, run);
    const { exported, exportBlocked, repo, base } = state.run;
    const due = Object.entries(wantedRefs(state)).filter(
      ([ref, to]) => exported[ref] !== to && !exportBlocked.includes(ref),
    );
    if (due.length === 0) return;
    const factory = await repos.factory(repo.path);
    const source = await repos.source(repo.path);
    const have = [base, ...Object.values(exported)];
    const done: Record<string, string> = {};
    const events: NewEvent[] = [];
    for (const [ref, to] of due) {
      const answer = await place(source, () => factory.getPack(to, have), {
        ref,
        to,
        expected: exported[ref],
      });
      if (answer === undefined) {
        done[ref] = to;
        have.push(to);
      } else events.push({ type: "export.blocked", ref, reason: answer });
    }
    if (Object.keys(done).length > 0) events.unshift({ type: "export.finished", refs: done });
    await store.append(run, events);
  }

  /** Waits for exports asked for so far. */
  settled(): Promise<void> {
    return this.#last;
  }
}

/** undefined when the ref is in place, else why it is not. */
const place = async (
  source: SourceRepo,
  pack: () => Promise<Uint8Array>,
  ref: { ref: string; to: string; expected: string | undefined },
): Promise<string | undefined> => {
  // a crash between the move and its event leaves the ref where it belongs
  if ((await source.readRef(ref.ref)) === ref.to) return undefined;
  const [answer] = await source.export(await pack(), [ref]);
  return answer?.ok ? undefined : (answer?.reason ?? "the export gave no answer").slice(0, 4000);
};
