import {
  Id,
  InfrastructureError,
  ObjectId,
  Pico,
  type RunState,
  UserError,
} from "@headrace/domain";
import { z } from "zod";

const reason = z.string().min(1).max(4000);

/** Bodies of the requests that have one, by the last part of their path. */
export const Bodies = {
  pause: z.object({ reason }),
  cancel: z.object({ reason }),
  answer: z.object({ question: Id, text: reason }),
  /** more of the run's budget, of its tokens, or with `task` of the budgets of the task and of its attempts */
  budget: z.union([
    z.object({ by: Pico.positive(), task: Id.optional() }),
    z.object({ tokens: z.number().int().positive() }),
  ]),
  steer: z.object({ text: reason }),
  pack: z.object({ commit: ObjectId, have: z.array(ObjectId).max(10_000) }),
};

export const Submitted = z.object({ run: Id, behind: Id.exactOptional() });

export const Health = z.object({ version: z.string(), boot: z.string() });
export type Health = z.infer<typeof Health>;

/** A fold's result, made by this very program at the other end: its outline is enough to tell it from a stranger's. */
export const RunStateBody = z.custom<RunState>(
  (value) =>
    z
      .looseObject({
        run: z.looseObject({ id: Id, status: z.string(), seq: z.number() }),
        tasks: z.record(z.string(), z.unknown()),
        questions: z.record(z.string(), z.unknown()),
      })
      .safeParse(value).success,
  "expected the state of a run",
);

export const ErrorBody = z.object({
  error: z.object({
    /** `user`: what was asked cannot be done · `infrastructure`: try again · `internal`: a defect, under `id` in the log */
    kind: z.enum(["user", "infrastructure", "internal"]),
    message: z.string(),
    remedy: z.string().optional(),
    id: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

export const userErrorBody = ({ problem, remedy }: UserError): ErrorBody => ({
  error: { kind: "user", message: problem, ...(remedy === undefined ? {} : { remedy }) },
});

/** The error that was sent, as the client throws it. */
export const receivedError = ({ error }: ErrorBody): Error => {
  switch (error.kind) {
    case "user":
      return new UserError(error.message, error.remedy);
    case "infrastructure":
    case "internal":
      return new InfrastructureError(error.message);
  }
};
