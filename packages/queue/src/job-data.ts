import type { Job } from "@headrace/domain";

/** What travels beside the id; the lane is the queue itself. */
export type JobData = Pick<Job, "run" | "step">;

/** The alphabet of our ids, a letter or dash included: BullMQ keeps `:` and whole numbers for itself. */
export const assertJobId = (id: string): void => {
  if (!/^(?!\d+$)[a-z0-9-]+$/.test(id))
    throw new TypeError(
      `expected a job id of [a-z0-9-] that is not a number, got ${JSON.stringify(id)}`,
    );
};

/** A Redis may be shared, so what comes out of it is checked. */
export const isJobData = (data: unknown): data is JobData =>
  typeof data === "object" &&
  data !== null &&
  "run" in data &&
  typeof data.run === "string" &&
  "step" in data &&
  typeof data.step === "string";
