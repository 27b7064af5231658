import type {
  DiffStat,
  MachineTime,
  NewEvent,
  PlanProposal,
  PlanVersion,
  Policy,
  Preview,
  RunState,
  StepInput,
  StepKind,
  StepResult,
  ThreadRef,
} from "@headrace/domain";

/** A step a node wants done: asked for by recording it, answered by its row. */
export type StepRequest = {
  /** a task id, `plan` or `end` */
  subject: string;
  step: string;
  input: StepInput;
  task?: string;
  attempt?: number;
};

/** Limits a run's graphs keep; data, so that a harness can change them. */
export type WorkflowLimits = {
  attempts: number;
  planRounds: number;
  planVersions: number;
  /** bytes of a log or diff that go into a brief */
  evidenceBytes: number;
};

/**
 * The only way a graph touches the world. Every effect is idempotent: nodes run again after a wake-up, a crash
 * or the loss of every checkpoint, and must come to the same rows.
 */
export interface WorkflowPorts {
  readonly limits: WorkflowLimits;
  state(run: string): Promise<RunState>;
  /** Records the request unless the step exists already. */
  request(thread: ThreadRef, request: StepRequest): Promise<void>;
  /** Appends what `decide` returns for the state inside one transaction; it must return [] when repeated. */
  record(run: string, decide: (state: RunState) => NewEvent[]): Promise<void>;
  /** A blob as text, its middle left out beyond `maxBytes`. */
  text(blob: string, maxBytes: number): Promise<string>;
  /** Paths of all files of a commit. */
  files(run: string, commit: string): Promise<string[]>;
  /** Of all files, or of these. */
  diff(
    run: string,
    from: string,
    to: string,
    maxBytes: number,
    paths?: readonly string[],
  ): Promise<string>;
  /** What a commit changes, by file; null for what has no lines. */
  diffStat(run: string, from: string, to: string): Promise<DiffStat[]>;
  /** The hash under which a policy is frozen; the policy is stored under it. */
  freeze(policy: Policy): Promise<string>;
  /** What the plan, which is about to be accepted, is expected to take. */
  preview(state: RunState, plan: PlanVersion, machineTime: MachineTime): Promise<Preview>;
  /** A plan the user handed in with the run. */
  givenPlan(blob: string): Promise<PlanProposal>;
}

/** The result a step kind leaves; `agent` gives the agent's end. */
export type ResultOf<K extends StepKind> = Extract<StepResult, { kind: K }>;
