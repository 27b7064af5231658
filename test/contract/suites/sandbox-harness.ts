import {
  type EnvironmentSpec,
  type ExecResult,
  type Sandbox,
  type Sandboxes,
  SandboxLimits,
} from "@headrace/domain";
import type { DockerSandboxesOptions } from "@headrace/sandbox";

/** What a suite needs of an implementation beyond its port. */
export type SandboxHarness = AsyncDisposable & {
  sandboxes: Sandboxes;
  /** the same installation after its process died and another took its place */
  reboot(): Sandboxes;
  /** ends a sandbox behind the implementation's back, as a crash of the machine would */
  destroy(sandbox: Sandbox): Promise<void>;
  /** where a sandbox has files of the host or the engine mounted, which are not its own writable layer */
  mounts: readonly string[];
  /** removes an environment's image when the harness is disposed of */
  discardLater(image: string): void;
};

/** With an egress to give phases that have a network; without it they have none. */
export type MakeHarness = (options?: {
  egress?: NonNullable<DockerSandboxesOptions["egress"]>;
}) => Promise<SandboxHarness>;

export const LIMITS = SandboxLimits.parse({ memoryMb: 512, cpus: 1, pids: 128 });
export const LABELS_OF_TEST = { run: "run-1", step: "step-1" };

/** What the plain environment is made from: this installation's base image, nothing installed. */
export const PLAIN: EnvironmentSpec = {
  ...{ image: undefined, setup: [], files: [], env: {} },
  ...{ limits: LIMITS, timeoutMs: 120_000 },
};

export const plainImage = async ({ sandboxes }: SandboxHarness): Promise<string> =>
  (await sandboxes.environment(PLAIN, {})).image;

export const openPlain = async (
  harness: SandboxHarness,
  spec: { image?: string; env?: Record<string, string>; limits?: SandboxLimits } = {},
): Promise<Sandbox> =>
  harness.sandboxes.open({
    image: spec.image ?? (await plainImage(harness)),
    limits: spec.limits ?? LIMITS,
    env: spec.env ?? {},
    labels: LABELS_OF_TEST,
  });

/** Prints the names of the network interfaces there are. */
export const INTERFACES = "sed '1,2d; s/^ *//; s/:.*//' /proc/net/dev";

/** Runs a command with room to spare in time and output. */
export const sh = (sandbox: Sandbox, command: string, timeoutMs = 20_000): Promise<ExecResult> =>
  sandbox.exec(command, { timeoutMs, maxOutputBytes: 100_000 });

/** What a command printed; throws when it failed. */
export const printed = async (sandbox: Sandbox, command: string): Promise<string> => {
  const { exitCode, output } = await sh(sandbox, command);
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${output}`);
  return output.trimEnd();
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (found: { bytes: Uint8Array } | undefined): string | undefined =>
  found && new TextDecoder().decode(found.bytes);
