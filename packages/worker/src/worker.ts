import { Inbox, StoppedError } from "@headrace/agent";
import {
  type Claim,
  type Clock,
  type FactoryApi,
  type FactoryRepo,
  InfrastructureError,
  type Job,
  type JobOutcome,
  type ModelChoice,
  type ModelClient,
  type Sandboxes,
  SetupFailedError,
  StaleEpochError,
  type StepOutcome,
  UserError,
} from "@headrace/domain";
import { doAgent } from "./do-agent.ts";
import { doEnvironment } from "./do-environment.ts";
import { doEvidence } from "./do-evidence.ts";
import { doRelock } from "./do-relock.ts";
import { doVerify } from "./do-verify.ts";
import { heartbeat } from "./heartbeat.ts";
import { tellSetupFailure } from "./setup-failure.ts";
import { Slots } from "./slots.ts";

export type WorkerOptions = {
  api: FactoryApi;
  sandboxes: Sandboxes;
  /** this worker's own scratch repository: trees travel as packs and leave it as tars */
  repo: FactoryRepo;
  /** a provider's endpoint; the simulator's, where it stands in for all of them */
  modelClient(choice: ModelChoice, provider: string): Promise<ModelClient>;
  clock: Clock;
  workerId: string;
  /** jobs it works on at a time: as many as one run may have, and a few more where others would have none */
  slots: number;
  log(line: string): void;
};

/** One claim while it is being worked on. */
export type Work = Omit<WorkerOptions, "slots"> & { claim: Claim; inbox: Inbox };

export interface Worker {
  /** how many jobs to give it at a time: some it only looks at, and has them come again */
  readonly deliveries: number;
  handle(job: Job, signal: AbortSignal): Promise<JobOutcome>;
  /** Begins nothing more: steps under way stop where they can be resumed without loss. */
  park(reason: string): void;
}

/** A worker: what it knows of a run it got with the claim, and what it does it says through the API. */
export const createWorker = (options: WorkerOptions): Worker => {
  const inboxes = new Set<Inbox>();
  const slots = new Slots(options.slots, options.clock);
  const parked = new AbortController();
  return {
    deliveries: slots.deliveries,
    park(reason) {
      parked.abort(new Error(reason));
      for (const inbox of inboxes) inbox.deliver({ kind: "cancel", reason });
    },
    async handle(job, signal) {
      const slot = await slots.take(job.run, AbortSignal.any([signal, parked.signal]));
      if (slot instanceof Date) return { kind: "retry-at", at: slot, reason: "no slot is free" };
      using _slot = slot;
      if (parked.signal.aborted) return { kind: "done" };
      const inbox = new Inbox();
      const onAbort = () => inbox.stop(new StoppedError("the worker is stopping"));
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      inboxes.add(inbox);
      try {
        return await handle(options, job, inbox);
      } finally {
        inboxes.delete(inbox);
        signal.removeEventListener("abort", onAbort);
      }
    },
  };
};

const handle = async (options: WorkerOptions, job: Job, inbox: Inbox): Promise<JobOutcome> => {
  const reply = await options.api.claim(job.run, job.step, options.workerId);
  if (reply.kind === "stale") return { kind: "done" };
  if (reply.kind === "busy") {
    return { kind: "retry-at", at: new Date(reply.until), reason: "another delivery has it" };
  }
  const work: Work = { ...options, claim: reply.claim, inbox };
  for (const said of reply.claim.signals ?? []) inbox.deliver(said);
  try {
    await using _beat = heartbeat(work);
    // whatever a tool or the engine makes of an abort, its reason is what happened
    const outcome = await perform(work).catch((cause) =>
      outcomeOf(work, inbox.signal.aborted ? inbox.signal.reason : cause),
    );
    await options.api.outcome(reply.claim.fence, outcome);
    return jobOutcome(outcome);
  } catch (cause) {
    // another epoch has the step: it will say how it ended
    if (cause instanceof StaleEpochError) return { kind: "done" };
    throw cause;
  }
};

const perform = async (work: Work): Promise<StepOutcome> => {
  const { input } = work.claim;
  switch (input.kind) {
    case "environment":
      return { kind: "done", result: await doEnvironment(work, input) };
    case "verify":
      return doVerify(work, input);
    case "evidence":
      return { kind: "done", result: await doEvidence(work, input) };
    case "agent":
      return doAgent(work, input);
    case "relock":
      return { kind: "done", result: await doRelock(work, input) };
    case "change":
    case "merge":
    case "stack":
    case "land":
      throw new Error(
        `step ${work.claim.fence.step} is ${input.kind}: the control plane's, not a worker's`,
      );
  }
};

/** What a thrown error means for the step. Only the person's own mistakes are final; the rest may come right. */
const outcomeOf = (work: Work, cause: unknown): StepOutcome => {
  if (cause instanceof StaleEpochError) throw cause;
  if (cause instanceof StoppedError) return { kind: "stopped", reason: cause.message };
  if (cause instanceof SetupFailedError) {
    return { kind: "fatal", reason: tellSetupFailure(cause) };
  }
  if (cause instanceof UserError) return { kind: "fatal", reason: cause.message };
  const reason = cause instanceof Error ? cause.message : String(cause);
  // an error nobody foresaw is told in full in the log
  const told = cause instanceof InfrastructureError ? reason : ((cause as Error).stack ?? reason);
  work.log(`step ${work.claim.fence.step}: ${told}`);
  return { kind: "infrastructure", reason };
};

const jobOutcome = (outcome: StepOutcome): JobOutcome => {
  switch (outcome.kind) {
    case "retry":
      return { kind: "retry-at", at: new Date(outcome.at), reason: outcome.reason };
    case "infrastructure":
    case "fatal":
      return outcome;
    case "done":
    case "budget":
    case "stopped":
      return { kind: "done" };
  }
};
