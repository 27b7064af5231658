import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type Claim,
  type Clock,
  type Environment,
  type FactoryApi,
  type FactoryRepo,
  HostileTreeError,
  type Policy,
  type Receipt,
  type Sandboxes,
  type StepInputOf,
  type StepOutcome,
} from "@headrace/domain";
import { openFactoryRepo } from "@headrace/repo";
import { createClock } from "@headrace/store";
import { createWorker } from "@headrace/worker";
import { type DataDir, installationId, makeDataDir } from "../data-dir.ts";
import type { Installation } from "../user-config.ts";
import { beginCheck } from "./checks.ts";
import { openSandboxes } from "./sandboxes.ts";

/** A verification that belongs to no step of a run. */
export type VerificationApart = {
  /** whose sandboxes they are called */
  run: string;
  /** the run base, whose Dockerfile the policy may name */
  base: string;
  policy: Policy;
  policyHash: string;
  asked: Omit<StepInputOf<"verify">, "kind">;
  /** A pack of one commit without its history. */
  pack(commit: string): Promise<Uint8Array>;
  /** What receipts and baselines name by hash. */
  blob(id: string): Promise<Uint8Array | undefined>;
};

export type AnswerApart =
  | {
      outcome: "receipt";
      receipt: Receipt;
      /** the red one before it, in which gates that differ are `flaky` */
      first?: Receipt;
      /** whether the image was there, from before */
      imageKept: boolean;
      blob: VerificationApart["blob"];
    }
  /** the machine failed, or a person stopped it: nothing is known */
  | { outcome: "none"; reason: string };

type Place = {
  installation: Installation;
  data: DataDir;
  env: NodeJS.ProcessEnv;
  /** of set-up and of gates, as they end */
  onLine(line: string): void;
  onWarning(line: string): void;
  signal: AbortSignal;
};

/**
 * Runs gates exactly as a factory does, by a worker of its own that has neither a queue nor a control plane: a fresh clone,
 * the environment of its manifests, one fresh sandbox a gate. Nothing is recorded.
 */
export const verifyApart = async (place: Place, job: VerificationApart): Promise<AnswerApart> => {
  const { data } = place;
  await makeDataDir(data);
  const clock = createClock();
  const owner = await installationId(data, () => clock.id());
  await using closing = new AsyncDisposableStack();
  const { identity, folder } = await beginCheck({ ...place, owner }, closing);
  const { sandboxes } = await openSandboxes({ ...place, identity }, closing);
  const repo = closing.use(await openFactoryRepo({ dir: join(folder, "trees.git") }));
  try {
    await bringIn(repo, job);
  } catch (error) {
    if (!(error instanceof HostileTreeError)) throw error;
    return { outcome: "none", reason: error.message };
  }
  return await doOne({ place, job, sandboxes, repo, clock });
};

/** Lets a worker do the one step there is, and takes what it hands in. */
const doOne = async (from: {
  place: Place;
  job: VerificationApart;
  sandboxes: Sandboxes;
  repo: FactoryRepo;
  clock: Clock;
}): Promise<AnswerApart> => {
  const { place, job, sandboxes, repo, clock } = from;
  const { onLine, onWarning, signal } = place;
  const blobs = new Map<string, Uint8Array>();
  const blob = async (id: string) => blobs.get(id) ?? (await job.blob(id));
  const outcomes: StepOutcome[] = [];
  const built: Environment[] = [];
  const worker = createWorker({
    api: apiOf({ clock, job, blobs, blob, onLine, outcomes }),
    sandboxes: told(sandboxes, { onLine, built }),
    repo,
    modelClient: () => Promise.reject(new Error("no model is asked")),
    clock,
    workerId: "apart",
    slots: 1,
    log: onWarning,
  });
  await worker.handle({ id: STEP, lane: "work", run: job.run, step: STEP }, signal);
  const [outcome] = outcomes;
  if (outcome === undefined) return { outcome: "none", reason: "it was stopped" };
  if (outcome.kind !== "done") return { outcome: "none", reason: outcome.reason };
  if (outcome.result.kind !== "verify")
    throw new Error(`a verification ended as ${outcome.result.kind}`);
  const { receipt, first } = outcome.result;
  const imageKept = built.every(({ cached }) => cached);
  const before = first === undefined ? {} : { first };
  return { outcome: "receipt", receipt, ...before, imageKept, blob };
};

const STEP = "verify";

/** Each commit as a plain clone of depth one: what lies behind it has no part in a verification. */
const bringIn = async (
  repo: FactoryRepo,
  { base, asked, pack }: VerificationApart,
): Promise<void> => {
  for (const commit of new Set([base, asked.landingBase, asked.commit]))
    await repo.putPack(await pack(commit), commit, { boundary: true });
};

/** The same, but for what is told of set-up; no agent follows for whom a sandbox would be kept ready. */
const told = (
  sandboxes: Sandboxes,
  { onLine, built }: { onLine(line: string): void; built: Environment[] },
): Sandboxes => ({
  describe: () => sandboxes.describe(),
  affordable: (asked) => sandboxes.affordable(asked),
  async environment(spec, watch, signal) {
    const environment = await sandboxes.environment(spec, { ...watch, onLine }, signal);
    built.push(environment);
    return environment;
  },
  warm: () => undefined,
  open: (spec, signal) => sandboxes.open(spec, signal),
  runGate: (spec, signal) => sandboxes.runGate(spec, signal),
  reap: () => sandboxes.reap(),
  evict: () => sandboxes.evict(),
  close: () => sandboxes.close(),
});

/** A lease that nobody else could want. */
const LEASE_MS = 3_600_000;

const notAsked = (): never => {
  throw new Error("a verification has no part in this");
};

/** What a worker needs of a control plane to do one verification: everything else of it is not there. */
const apiOf = (from: {
  clock: Clock;
  job: VerificationApart;
  blobs: Map<string, Uint8Array>;
  blob: VerificationApart["blob"];
  onLine(line: string): void;
  outcomes: StepOutcome[];
}): FactoryApi => {
  const { clock, job, blobs, blob, onLine, outcomes } = from;
  const until = () => new Date(clock.now().getTime() + LEASE_MS).toISOString();
  const claim = (): Claim => ({
    fence: { run: job.run, step: STEP, epoch: 1 },
    until: until(),
    subject: STEP,
    input: { kind: "verify", ...job.asked },
    base: job.base,
    policy: job.policy,
    policyHash: job.policyHash,
    guidance: [],
    model: { kind: "provider" },
    records: [],
  });
  return {
    claim: async () => ({ kind: "claimed", claim: claim() }),
    renew: async () => ({ until: until(), signals: [] }),
    async putBlob(_fence, bytes) {
      const id = createHash("sha256").update(bytes).digest("hex");
      blobs.set(id, bytes);
      return id;
    },
    getBlob: (_fence, id) => blob(id),
    async report(_fence, event) {
      if (event.type === "gate.finished")
        onLine(`gate ${event.result.gate}: ${event.result.verdict} (${event.result.reason})`);
      if (event.type === "note.added") onLine(event.text);
    },
    outcome: async (_fence, outcome) => void outcomes.push(outcome),
    appendRecord: notAsked,
    reserve: notAsked,
    began: notAsked,
    settle: notAsked,
    getPack: notAsked,
    putPack: notAsked,
  };
};
