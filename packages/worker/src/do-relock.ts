import {
  type ExecResult,
  HostileTreeError,
  regeneration,
  type Sandbox,
  SandboxLimitError,
  type StepInputOf,
  type StepResult,
} from "@headrace/domain";
import { networkLog } from "./network-log.ts";
import { environmentOf, have, sandboxFor } from "./trees.ts";
import type { Work } from "./worker.ts";

const RELOCK_MS = 10 * 60_000;
const MAX_OUTPUT = 20_000;
const TOLD = 1500;

type Input = StepInputOf<"relock">;
type Relocked = Extract<StepResult, { kind: "relock" }>;

/**
 * Lockfiles of a merge, written by their package managers in a sandbox that reaches the registries as a coder's does
 * whose plan permits new dependencies. What was pinned on the base stays, so a merge moves no version but those that
 * the change asks for. What the sandbox says is only a tree: the control plane looks at it as at any resolution.
 */
export const doRelock = async (work: Work, input: Input): Promise<Relocked> => {
  const { claim, inbox, sandboxes } = work;
  const { image } = await environmentOf(work, input.base);
  await using log = networkLog(work);
  const network = { phase: "coding" as const, hosts: [], onRequest: log.onRequest };
  const spec = { ...sandboxFor(work, image), env: claim.policy.env, network };
  await using sandbox = await sandboxes.open(spec, inbox.signal);
  try {
    return await writeAll(work, sandbox, input);
  } catch (error) {
    if (isItsContent(error)) return failed(error.message);
    throw error;
  }
};

/** A plain Error is what a sandbox says of its workspace; what it says of itself has a name. */
const isItsContent = (error: unknown): error is Error =>
  error instanceof HostileTreeError ||
  error instanceof SandboxLimitError ||
  (error instanceof Error && error.name === "Error");

const writeAll = async (work: Work, sandbox: Sandbox, input: Input): Promise<Relocked> => {
  const { api, claim } = work;
  await sandbox.checkout(await api.getPack(claim.fence, input.commit, []), input.commit);
  for (const path of input.lockfiles) {
    const failure = await writeAgain(work, sandbox, { path, base: input.base });
    if (failure !== undefined) return failed(failure);
  }
  const { pack, commit } = await sandbox.snapshot(input.commit);
  await api.putPack(claim.fence, pack, commit);
  return { kind: "relock", relock: { outcome: "made", snapshot: commit } };
};

const failed = (reason: string): Relocked => ({
  kind: "relock",
  relock: { outcome: "failed", reason },
});

/** Why a lockfile could not be written; undefined when it was. */
const writeAgain = async (
  work: Work,
  sandbox: Sandbox,
  { path, base }: { path: string; base: string },
): Promise<string | undefined> => {
  const command = regeneration(path);
  if (command === undefined) return `${path} is no lockfile that can be written again`;
  await have(work, base);
  const pinned = await work.repo.read(base, path);
  if (pinned === undefined) return `${path} is new on both sides`;
  await sandbox.write(path, pinned);
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  const line = `cd ${quoted(folder)} && ${command}`;
  const result = await sandbox.exec(line, {
    timeoutMs: RELOCK_MS,
    maxOutputBytes: MAX_OUTPUT,
    signal: work.inbox.signal,
  });
  return result.exitCode === 0 ? undefined : `${command} failed in ${folder}: ${why(result)}`;
};

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const why = ({ exitCode, timedOut, output }: ExecResult): string =>
  timedOut ? "it ran out of time" : `exit ${exitCode ?? "none"}: ${output.trim().slice(-TOLD)}`;
