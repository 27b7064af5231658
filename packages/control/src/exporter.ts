import {
  branchRef,
  integrationBranch,
  type NewEvent,
  type RunState,
  type SourceRepo,
  type Store,
  type StoredEvent,
  slug,
  taskBranch,
} from "@headrace/domain";
import { type Context, stateOf } from "./options.ts";

const isParked = ({ run }: RunState): boolean => !["active", "queued"].includes(run.status);

/** Where each of the run's branches should stand now; `snapshots` holds work of tasks that no row has yet. */
const wantedRefs = (
  state: RunState,
  snapshots: ReadonlyMap<string, string>,
): Record<string, string> => {
  // one that is only planned makes nothing that a branch could hold
  if (state.run.until === "plan") return {};
  const wanted: Record<string, string> = {
    [branchRef(integrationBranch(state.run.id))]: state.run.tip,
  };
  for (const row of Object.values(state.tasks)) {
    const kept = row.status === "quarantined" || isParked(state);
    const work = kept ? (snapshots.get(row.id) ?? row.workingChange) : undefined;
    const commit = row.status === "landed" ? row.change : work;
    if (commit) wanted[branchRef(taskBranch(state.run.id, row.id, slug(row.task.title)))] = commit;
  }
  return wanted;
};

/** The last saved workspace of each coder that a stop of the run cut off: its step has no end, only a record. */
const cutOff = async (store: Store, state: RunState): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  if (!isParked(state)) return found;
  for (const step of Object.values(state.steps)) {
    if (step.result !== undefined || step.role !== "coder" || step.task === undefined) continue;
    const records = await store.records(state.run.id, step.id);
    const last = records.findLast((part) => part.kind === "snapshot");
    if (last !== undefined) found.set(step.task, last.commit);
  }
  return found;
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

const RETRY_MS = 60_000;

/**
 * Keeps the branches in the user's repository where the rows say, by compare-and-swap from what was exported
 * before. A branch the user moved or deleted is theirs from then on: it is said once and the run goes on. What only
 * failed, since the repository is away or the disk is full, is said once and tried again.
 */
export class Exporter {
  readonly #context: Context;
  /** runs whose last export failed, with what was said of it */
  readonly #failed = new Map<string, string>();
  #triedAt = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  /** One export at a time; each reads the rows when its turn comes. */
  export(run: string): Promise<void> {
    this.#last = this.#last
      .then(() => this.#export(run))
      .then(() => void this.#failed.delete(run))
      .catch((cause) => this.#tell(run, cause))
      .catch((cause) => this.#context.log(`export of ${run}: ${String(cause)}`));
    return this.#last;
  }

  /** Tries again what failed, now and then. */
  retry(): void {
    const now = this.#context.clock.now().getTime();
    if (this.#failed.size === 0 || now - this.#triedAt < RETRY_MS) return;
    this.#triedAt = now;
    for (const run of this.#failed.keys()) void this.export(run);
  }

  /** Waits for exports asked for so far. */
  settled(): Promise<void> {
    return this.#last;
  }

  async #export(run: string): Promise<void> {
    const { store, repos } = this.#context;
    const state = await stateOf(store, run);
    const { exported, exportBlocked, repo, base } = state.run;
    const due = Object.entries(wantedRefs(state, await cutOff(store, state))).filter(
      ([ref, to]) => exported[ref] !== to && !exportBlocked.includes(ref),
    );
    if (due.length === 0) return;
    const factory = await repos.factory(repo.path);
    const source = await repos.source(repo.path);
    const have = [base, ...Object.values(exported)];
    const done: Record<string, string> = {};
    const events: NewEvent[] = [];
    let failure: string | undefined;
    for (const [ref, to] of due) {
      const placed = await place(source, () => factory.getPack(to, have), {
        ref,
        to,
        expected: exported[ref],
      });
      if (placed.kind === "placed") {
        done[ref] = to;
        have.push(to);
      } else if (placed.kind === "theirs") {
        events.push({ type: "export.blocked", ref, reason: placed.reason });
      } else failure ??= `${ref}: ${placed.reason}`;
    }
    if (Object.keys(done).length > 0) events.unshift({ type: "export.finished", refs: done });
    await store.append(run, events);
    if (failure !== undefined) throw new Error(failure);
  }

  async #tell(run: string, cause: unknown): Promise<void> {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (this.#failed.get(run) === why) return;
    this.#failed.set(run, why);
    this.#context.log(`export of ${run}: ${why}`);
    const text = `branches could not be exported; the run goes on without, and it is tried again: ${why}`;
    await this.#context.store.append(run, [
      { type: "note.added", level: "warning", text: text.slice(0, 4000) },
    ]);
  }
}

type Placed = { kind: "placed" } | { kind: "theirs" | "failed"; reason: string };

/** Puts one ref in place. It is the user's once it stands elsewhere than we left it; anything else may come right. */
const place = async (
  source: SourceRepo,
  pack: () => Promise<Uint8Array>,
  move: { ref: string; to: string; expected: string | undefined },
): Promise<Placed> => {
  // also where it stands there already: a crash between the move and its event leaves the ref where it belongs
  const [answer] = await source.export(await pack(), [move]);
  if (answer?.ok) return { kind: "placed" };
  const reason = (answer?.reason ?? "the export gave no answer").slice(0, 4000);
  const now = await source.readRef(move.ref);
  return { kind: now === move.expected ? "failed" : "theirs", reason };
};
