/**
 * Bad input from the person: nothing was started. The message is the problem, then the remedy that says what to do
 * (exit 2). A remedy names commands as `headrace VERB ...`, in backticks: the command line tells them as it was called.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly problem: string;
  readonly remedy: string | undefined;
  constructor(problem: string, remedy?: string, options?: ErrorOptions) {
    super(remedy === undefined ? problem : `${problem}\n  ${remedy}`, options);
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** The caller's epoch is not the newest: another worker has the step now, stop at once. */
export class StaleEpochError extends Error {
  override readonly name = "StaleEpochError";
  readonly step: string;
  readonly epoch: number;
  constructor(step: string, epoch: number) {
    super(`epoch ${epoch} of step ${step} is no longer current: another worker has claimed it`);
    this.step = step;
    this.epoch = epoch;
  }
}

/** The machine, engine, Redis or network failed: never charged to the agent (I11). */
export class InfrastructureError extends Error {
  override readonly name = "InfrastructureError";
}

/** A ref was not where the compare-and-swap expected it. */
export class RefMovedError extends Error {
  override readonly name = "RefMovedError";
  readonly ref: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  constructor(ref: string, expected: string | undefined, actual: string | undefined) {
    super(`${ref} is at ${actual ?? "nothing"}, expected ${expected ?? "nothing"}`);
    this.ref = ref;
    this.expected = expected;
    this.actual = actual;
  }
}

/** Git content that must not enter the factory: bad objects, escaping symlinks, `.git` paths. */
export class HostileTreeError extends Error {
  override readonly name = "HostileTreeError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the tree was refused: ${problems.join("; ")}`);
    this.problems = problems;
  }
}
