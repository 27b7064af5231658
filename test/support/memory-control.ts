import { createHash, randomUUID } from "node:crypto";
import {
  type FactoryControl,
  foldAll,
  isEnded,
  type NewEvent,
  type RunState,
  raisedBudget,
  type StoredEvent,
  Submission,
  UserError,
} from "@headrace/domain";

/**
 * A factory's control in one process's memory: it accepts runs, keeps their events and obeys, but builds nothing. Its
 * states are domain's fold over the events it makes, so a client sees what it would see of a real one.
 */
export class MemoryControl implements FactoryControl {
  readonly #logs = new Map<string, StoredEvent[]>();
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #packs = new Map<string, { commit: string; pack: Uint8Array }>();
  #changed = Promise.withResolvers<void>();

  async submit(given: Submission, pack: Uint8Array) {
    const parsed = Submission.safeParse(given);
    if (!parsed.success)
      throw new UserError(`the submission is not valid: ${parsed.error.issues[0]?.message}`);
    const { credentials: _, spec, guidance, plan, notify, ...submission } = parsed.data;
    const run = `r${randomUUID().slice(0, 8)}`;
    const behind = (await this.runs()).find(
      (s) => s.run.repo.path === submission.repo.path && !isEnded(s.run.status),
    )?.run.id;
    this.#logs.set(run, []);
    this.#packs.set(run, { commit: submission.base, pack });
    this.append(run, {
      type: "run.submitted",
      ...submission,
      amounts: "pico",
      spec: this.#keep(spec),
      guidance: this.#keep(JSON.stringify(guidance)),
      ...(plan && { plan: this.#keep(JSON.stringify(plan)) }),
      ...(notify !== undefined && { notify }),
      routes: {},
    });
    this.append(
      run,
      behind === undefined ? { type: "run.started" } : { type: "run.queued", behind },
    );
    return { run, ...(behind !== undefined && { behind }) };
  }

  async runs(): Promise<RunState[]> {
    return [...this.#logs.keys()].map((run) => this.#state(run));
  }

  async run(id: string): Promise<RunState> {
    return this.#state(id);
  }

  async *events(run: string, after: number, signal: AbortSignal): AsyncGenerator<StoredEvent> {
    const log = this.#log(run);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    for (let next = after; !signal.aborted; ) {
      const changed = this.#changed.promise;
      for (const event of log.slice(next)) {
        yield event;
        next = event.seq;
      }
      if (isEnded(this.#state(run).run.status) && next >= log.length) return;
      await Promise.race([changed, stopped.promise]);
    }
  }

  async blob(run: string, id: string): Promise<Uint8Array> {
    this.#log(run);
    const blob = this.#blobs.get(id);
    if (blob === undefined) throw new UserError(`no blob ${id}`);
    return blob;
  }

  async pack(run: string, commit: string): Promise<Uint8Array> {
    this.#log(run);
    const held = this.#packs.get(run);
    if (held?.commit !== commit) throw new UserError(`commit ${commit} is not of run ${run}`);
    return held.pack;
  }

  async pause(run: string, reason: string): Promise<void> {
    this.#appendToOpen(run, { type: "run.paused", reason });
  }

  async resume(run: string): Promise<void> {
    this.#appendToOpen(run, { type: "run.resumed" });
  }

  async cancel(run: string, reason: string): Promise<void> {
    this.#appendToOpen(run, { type: "run.cancelled", reason });
  }

  async answer(run: string, question: string, text: string): Promise<void> {
    const asked = this.#state(run).questions[question];
    if (asked === undefined) throw new UserError(`run ${run} has no question ${question}`);
    const task = asked.task === undefined ? {} : { task: asked.task };
    this.#appendToOpen(run, { type: "question.answered", question, text, ...task });
  }

  async steer(run: string, text: string): Promise<void> {
    this.#appendToOpen(run, { type: "run.steered", text });
  }

  async raiseBudget(run: string, by: number, task?: string): Promise<void> {
    const { run: row, tasks } = this.#state(run);
    const { budget, status } = row;
    if (task !== undefined) {
      const known = tasks[task];
      if (known === undefined) throw new UserError(`run ${run} has no task ${task}`);
      this.#appendToOpen(run, {
        type: "budget.raised",
        budget: raisedBudget(known.raised ?? 0, by),
        task,
      });
      return;
    }
    this.#appendToOpen(run, { type: "budget.raised", budget: raisedBudget(budget, by) });
    if (status === "budget") this.append(run, { type: "run.resumed" });
  }

  async raiseTokens(run: string, by: number): Promise<void> {
    const { budget, limits, status } = this.#state(run).run;
    if (limits?.tokens === undefined) throw new UserError(`run ${run} has no budget of tokens`);
    this.#appendToOpen(run, { type: "budget.raised", budget, tokens: limits.tokens + by });
    if (status === "budget") this.append(run, { type: "run.resumed" });
  }

  /** Puts events in a run's log, as the parts of a real factory would that do its work. */
  append(run: string, ...events: NewEvent[]): void {
    const log = this.#log(run);
    for (const event of events) {
      const prev = log.at(-1)?.hash ?? "";
      const body = { ...event, seq: log.length + 1, at: new Date().toISOString(), run, prev };
      log.push({ ...body, hash: sha256(JSON.stringify(body)) });
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #appendToOpen(run: string, event: NewEvent): void {
    const { status } = this.#state(run).run;
    if (isEnded(status)) throw new UserError(`run ${run} is over (${status})`);
    this.append(run, event);
  }

  #log(run: string): StoredEvent[] {
    const log = this.#logs.get(run);
    if (log === undefined) throw new UserError(`no run ${run}`, "see `headrace status`");
    return log;
  }

  #state(run: string): RunState {
    const state = foldAll(this.#log(run));
    if (state === undefined) throw new Error(`run ${run} has no events`);
    return state;
  }

  #keep(text: string): string {
    const bytes = Buffer.from(text);
    const id = sha256(bytes);
    this.#blobs.set(id, bytes);
    return id;
  }
}

const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");
