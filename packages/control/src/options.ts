import type { Attestor } from "@headrace/attest";
import type {
  BudgetLimits,
  Clock,
  FactoryRepo,
  PinnedRoutes,
  PriceBook,
  Queue,
  RouteOverride,
  RunState,
  SourceRepo,
  StepRow,
  Store,
  Submission,
} from "@headrace/domain";
import type { Threads, WorkflowLimits, WorkflowPorts } from "@headrace/workflows";

export type ControlLimits = WorkflowLimits & {
  /** how long a claim lives without being renewed */
  leaseMs: number;
  reconcileMs: number;
  /** deliveries of one step that infrastructure may lose before the run is failed */
  lostDeliveries: number;
  /** open runs may reserve at most this share of the budget before a warning, in percent */
  warnPercent: number;
};

export const DEFAULT_LIMITS: ControlLimits = {
  attempts: 3,
  planRounds: 3,
  planVersions: 2,
  evidenceBytes: 12_000,
  leaseMs: 45_000,
  reconcileMs: 2_000,
  // with their backoff two minutes, in which an engine can be restarted
  lostDeliveries: 8,
  warnPercent: 80,
};

/** What a run may use and spend, resolved and checked once at its submission. */
type Admission = {
  routes: PinnedRoutes;
  overrides: RouteOverride[];
  limits: BudgetLimits;
  /** providers that have answered just now, under their present keys */
  reached?: readonly string[];
  /** what is amiss with them and does not stop the run */
  notes?: readonly string[];
};

/** Collaborators of the control plane; only the composition root makes them. */
export type ControlOptions = {
  store: Store;
  queue: Queue;
  clock: Clock;
  prices: PriceBook;
  /** signs receipts and logs with the installation's key */
  attestor: Attestor;
  repos: {
    /** the factory's bare repository for a target, made when it is missing */
    factory(target: string): Promise<FactoryRepo>;
    /** the user's repository, where branches are exported */
    source(path: string): Promise<SourceRepo>;
  };
  /** Checks keys and models with one free request for each provider; throws `UserError`. */
  admit(asked: Pick<Submission, "model" | "credentials" | "routes" | "limits">): Promise<Admission>;
  /** of all runs together, and of each run's hour: what the installation's configuration says now counts, not at a run's submission */
  budgets?: Pick<BudgetLimits, "total" | "day" | "hour">;
  /** fingerprint of the providers' settings: what was refused under others is asked again under these */
  settings?: string;
  threads(ports: WorkflowPorts): Threads;
  limits?: Partial<ControlLimits>;
  /** agents' jobs that its workers do at once, for what is told of a plan's hours; 1 unless given */
  slots?: number;
  /** what a person should look into; never part of the run's record */
  log(line: string): void;
};

export type Context = Omit<ControlOptions, "limits" | "threads"> & { limits: ControlLimits };

export const stateOf = async (store: Store, run: string): Promise<RunState> => {
  const state = await store.state(run);
  if (state === undefined) throw new Error(`run ${run} is not in the store`);
  return state;
};

export const stepOf = (state: RunState, step: string): StepRow => {
  const row = state.steps[step];
  if (row === undefined) throw new Error(`run ${state.run.id} has no step ${step}`);
  return row;
};
