import { z } from "zod";
import { Id } from "./ids.ts";

const command = z.string().min(1).max(4000);

/** A check the factory runs; its exit code is its verdict, `run` is a shell command line. */
export const Gate = z.object({
  name: Id,
  run: command,
  timeoutS: z.number().int().min(1).max(7200).default(600),
  /** the task that must have landed before this gate applies (gates of a growing repository) */
  from: Id.optional(),
});
export type Gate = z.infer<typeof Gate>;

export const SandboxLimits = z.object({
  memoryMb: z.number().int().min(64).max(262_144).default(2048),
  cpus: z.number().min(0.1).max(128).default(1),
  pids: z.number().int().min(16).max(32_768).default(512),
});
export type SandboxLimits = z.infer<typeof SandboxLimits>;

export const PolicySource = z.enum(["spec", "file", "detected", "plan", "none"]);
export type PolicySource = z.infer<typeof PolicySource>;

/** What decides whether work is good; frozen in a row with a hash when the first plan is accepted. */
export const Policy = z.object({
  gates: z.array(Gate).max(32),
  setup: z.array(command).max(16),
  /** globs no agent may change, whatever a plan permits */
  protected: z.array(z.string().min(1).max(500)).max(200),
  /** undefined: the base image of this installation */
  image: z.string().min(1).max(500).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(4000)).default({}),
  limits: SandboxLimits.prefault({}),
  /** where each field came from, shown before the run */
  from: z.object({ gates: PolicySource, setup: PolicySource }),
});
export type Policy = z.infer<typeof Policy>;

/** Gates that apply once `landed` tasks are in; the others are not applicable, never green. */
export const applicableGates = (policy: Policy, landed: ReadonlySet<string>): Gate[] =>
  policy.gates.filter((gate) => gate.from === undefined || landed.has(gate.from));
