import { z } from "zod";
import { CanaryRequest } from "./canary.ts";
import { VerificationSettings } from "./checks.ts";
import { Id } from "./ids.ts";
import { NetworkPolicy } from "./network.ts";

const command = z.string().min(1).max(4000);

/** A check the factory runs; its exit code is its verdict, `run` is a shell command line. */
export const Gate = z.object({
  name: Id,
  run: command,
  timeoutS: z.number().int().min(1).max(7200).default(600),
  /** the task that must have landed before this gate applies (gates of a growing repository) */
  from: Id.optional(),
  /** the tree it must be red on before its green counts; absent: its own with every source file broken */
  canary: CanaryRequest.optional(),
  /** what its command writes of its tests into the folder that a variable names; absent: nothing, so that hashes stay */
  report: z.literal("junit").optional(),
});
export type Gate = z.infer<typeof Gate>;

export const SandboxLimits = z.object({
  memoryMb: z.number().int().min(64).max(262_144).default(2048),
  cpus: z.number().min(0.1).max(128).default(1),
  pids: z.number().int().min(16).max(32_768).default(512),
  /** bytes and files a sandbox may add to its image; a watcher ends it beyond them */
  diskMb: z.number().int().min(64).max(1_048_576).default(10_240),
  inodes: z.number().int().min(1000).max(10_000_000).default(1_000_000),
});
export type SandboxLimits = z.infer<typeof SandboxLimits>;

/** Names and values a sandbox sees; never secrets. */
export const SandboxEnv = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
  z.string().max(4000),
);

/**
 * A server that agents and gates find on their own loopback interface, such as a database: a container in the
 * sandbox's network namespace, so it has no route out either. Each sandbox and each gate gets fresh ones.
 */
export const Service = z.object({
  name: Id.max(32),
  image: z.string().min(1).max(500),
  env: SandboxEnv.default({}),
  /** run with `sh -c` in the service's container until it exits 0; absent: ready as soon as it runs */
  ready: command.optional(),
  memoryMb: z.number().int().min(32).max(262_144).default(512),
});
export type Service = z.infer<typeof Service>;

/** Stronger walls than an engine's default, where policy asks for them; a sandbox without them is not started. */
export const Isolation = z.object({
  /** `gvisor`: every container runs under runsc */
  runtime: z.enum(["default", "gvisor"]).default("default"),
  /** `required`: the engine must map a container's root to an unprivileged user of the host */
  userns: z.enum(["any", "required"]).default("any"),
});
export type Isolation = z.infer<typeof Isolation>;

/** A version the repository asks for, shown to people and to agents; `setup` and `image` already provide it. */
export const ToolVersion = z.object({
  tool: z.string().min(1).max(40),
  version: z.string().min(1).max(100),
  /** the file that says so */
  from: z.string().min(1).max(300),
});
export type ToolVersion = z.infer<typeof ToolVersion>;

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
  /** path of the Dockerfile at the run base from which the image is built, by a person's leave */
  dockerfile: z.string().min(1).max(300).optional(),
  env: SandboxEnv.default({}),
  limits: SandboxLimits.prefault({}),
  /** versions the repository asks for */
  tools: z.array(ToolVersion).max(20).default([]),
  services: z.array(Service).max(8).default([]),
  network: NetworkPolicy.prefault({}),
  isolation: Isolation.prefault({}),
  /** absent: the default, so that a policy that says nothing keeps its hash */
  verification: VerificationSettings.optional(),
  /** where each field came from, shown before the run */
  from: z.object({ gates: PolicySource, setup: PolicySource }),
});
export type Policy = z.infer<typeof Policy>;

/** Gates that apply once `landed` tasks are in; the others are not applicable, never green. */
export const applicableGates = (policy: Policy, landed: ReadonlySet<string>): Gate[] =>
  policy.gates.filter((gate) => gate.from === undefined || landed.has(gate.from));
