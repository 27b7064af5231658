import {
  type Environment,
  OFFLINE_ENV,
  SANDBOX_UID,
  type SandboxSpec,
  type SandboxWatch,
} from "@headrace/domain";
import { setupFilesAt, treeAt } from "@headrace/intake";
import { networkLog } from "./network-log.ts";
import type { Work } from "./worker.ts";

const SETUP_MS = 30 * 60_000;

/**
 * Makes sure this worker's repository has the commit, fetching what it lacks. The run base comes first and alone:
 * its parents stay absent, and everything else of the run stands on it.
 */
export const have = async ({ api, repo, claim }: Work, commit: string): Promise<void> => {
  const { fence, base } = claim;
  if (await repo.has(commit)) return;
  if (!(await repo.has(base))) {
    await repo.putPack(await api.getPack(fence, base, []), base, { boundary: true });
  }
  if (commit !== base) await repo.putPack(await api.getPack(fence, commit, [base]), commit);
};

/** The environment image for the manifests of `commit`: built once for each content, kept by the engine. */
export const environmentOf = async (
  work: Work,
  commit: string,
  watch: SandboxWatch = {},
): Promise<Environment> => {
  const { sandboxes, claim, inbox } = work;
  const { image, dockerfile, env, limits, isolation, network, from } = claim.policy;
  const files = claim.policy.setup.length === 0 ? [] : await filesAt(work, commit);
  // a plan proposes setup for manifests that its first tasks are still to write
  const setup = from.setup === "plan" && files.length === 0 ? [] : claim.policy.setup;
  const common = { run: claim.fence.run, timeoutMs: SETUP_MS };
  // its commands have the engine's network, so no agent's manifest has a part in them
  const build = dockerfile && { dockerfile, files: await filesAt(work, claim.base, dockerfile) };
  const spec = {
    ...{ ...common, image, setup, files, env, limits, isolation, hosts: network.setup },
    ...(build ? { build } : {}),
  };
  await using log = networkLog(work);
  return await sandboxes.environment(spec, { ...watch, onRequest: log.onRequest }, inbox.signal);
};

/** The tree of a commit as a gate gets it. */
export const tarOf = ({ repo }: Work, commit: string): Promise<Uint8Array> =>
  repo.tar(commit, { uid: SANDBOX_UID });

const filesAt = async (work: Work, commit: string, also?: string) => {
  await have(work, commit);
  return setupFilesAt(treeAt(work.repo, commit), also);
};

/** What an agent of this run works in: the same for every role without a network, so one can be started ahead. */
export const sandboxFor = (work: Work, image: string): SandboxSpec => {
  const { limits, env, isolation, services } = work.claim.policy;
  const common = { image, limits, isolation, services, labels: labelsOf(work) };
  return { ...common, env: { ...OFFLINE_ENV, ...env } };
};

export const labelsOf = ({ claim }: Work) => ({ run: claim.fence.run, step: claim.fence.step });
