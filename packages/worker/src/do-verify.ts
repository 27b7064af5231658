import {
  type Gate,
  type GateResult,
  isInfrastructure,
  type ReceiptKey,
  SetupFailedError,
  type StepInputOf,
  type StepOutcome,
} from "@headrace/domain";
import { makeReceipt, receiptKeysEqual, runGates } from "@headrace/verify";
import { tellSetupFailure } from "./setup-failure.ts";
import { environmentOf, have, labelsOf, sandboxFor, tarOf } from "./trees.ts";
import type { Work } from "./worker.ts";

/** Runs the gates on the exact tree in fresh containers, or finds the known receipt's whole key equal. */
export const doVerify = async (work: Work, input: StepInputOf<"verify">): Promise<StepOutcome> => {
  const { claim, clock, repo } = work;
  await have(work, input.commit);
  await have(work, input.landingBase);
  const image = await imageFor(work, input);
  // a reviewer, the next attempt or the next task follows, whatever the verdict
  const expectAgent = () => {
    if (typeof image === "string") work.sandboxes.warm(sandboxFor(work, image));
  };
  expectAgent();
  const key: ReceiptKey = {
    tree: await repo.treeOf(input.commit),
    landingBaseTree: await repo.treeOf(input.landingBase),
    policy: claim.policyHash,
    image: image instanceof SetupFailedError ? "none: setup failed" : image,
    permits: input.permits,
    gates: input.gates,
  };
  if (input.known && receiptKeysEqual(input.known.key, key)) {
    return { kind: "done", result: { kind: "verify", receipt: input.known } };
  }
  const gates = claim.policy.gates.filter((gate) => input.gates.includes(gate.name));
  const results =
    image instanceof SetupFailedError
      ? await allRed(work, input.commit, gates, image)
      : await gatesOn(work, input.commit, gates, image);
  // gates may have taken longer than what waits is kept
  expectAgent();
  const receipt = makeReceipt({ id: clock.id(), key, results, at: clock.now() });
  const lost = results.find((r) => r.verdict === "infra_error");
  if (isInfrastructure(receipt))
    return { kind: "infrastructure", reason: lost?.reason ?? "a gate could not be run" };
  return { kind: "done", result: { kind: "verify", receipt } };
};

/**
 * Setup runs with network, so it sees unverified manifests only where the plan permits it; if those cannot be set
 * up, that is the change's fault and answered, not thrown.
 */
const imageFor = async (
  work: Work,
  { commit, landingBase, permits }: StepInputOf<"verify">,
): Promise<string | SetupFailedError> => {
  if (!permits.includes("lockfile")) return (await environmentOf(work, landingBase)).image;
  try {
    return (await environmentOf(work, commit)).image;
  } catch (error) {
    if (error instanceof SetupFailedError) return error;
    throw error;
  }
};

const gatesOn = async (
  work: Work,
  commit: string,
  gates: readonly Gate[],
  image: string,
): Promise<GateResult[]> => {
  const { api, claim, inbox, sandboxes } = work;
  return runGates({
    sandboxes,
    image,
    tar: await tarOf(work, commit),
    gates,
    policy: claim.policy,
    labels: labelsOf(work),
    putBlob: (bytes) => api.putBlob(claim.fence, bytes),
    onResult: (result) => api.report(claim.fence, { type: "gate.finished", commit, result }),
    signal: inbox.signal,
  });
};

/** No gate passes on a tree whose dependencies cannot be installed; the log of setup says why. */
const allRed = async (
  { api, claim }: Work,
  commit: string,
  gates: readonly Gate[],
  failure: SetupFailedError,
): Promise<GateResult[]> => {
  const text = tellSetupFailure(failure, Number.POSITIVE_INFINITY);
  const log = await api.putBlob(claim.fence, new TextEncoder().encode(text));
  const results = gates.map(
    (gate): GateResult => ({
      gate: gate.name,
      verdict: "fail",
      reason: failure.message.slice(0, 500),
      exitCode: failure.exitCode,
      durationMs: 0,
      log,
    }),
  );
  for (const result of results) {
    await api.report(claim.fence, { type: "gate.finished", commit, result });
  }
  return results;
};
