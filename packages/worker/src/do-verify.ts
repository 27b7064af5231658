import {
  isInfrastructure,
  type ReceiptKey,
  type StepInputOf,
  type StepOutcome,
} from "@headrace/domain";
import { makeReceipt, receiptKeysEqual, runGates } from "@headrace/verify";
import { environmentOf, have, labelsOf } from "./trees.ts";
import type { Work } from "./worker.ts";

/** Sandboxes run as this user; files of a gate's tree are theirs. */
const AGENT_UID = 10_001;

/** Runs the gates on the exact tree in fresh containers, or finds the known receipt's whole key equal. */
export const doVerify = async (work: Work, input: StepInputOf<"verify">): Promise<StepOutcome> => {
  const { api, claim, clock, inbox, repo, sandboxes } = work;
  await have(work, input.commit);
  await have(work, input.landingBase);
  // setup runs with network, so it sees unverified manifests only where the plan permits it
  const approved = input.permits.includes("lockfile") ? input.commit : input.landingBase;
  const { image } = await environmentOf(work, approved);
  const key: ReceiptKey = {
    tree: await repo.treeOf(input.commit),
    landingBaseTree: await repo.treeOf(input.landingBase),
    policy: claim.policyHash,
    image,
    permits: input.permits,
    gates: input.gates,
  };
  if (input.known && receiptKeysEqual(input.known.key, key)) {
    return { kind: "done", result: { kind: "verify", receipt: input.known } };
  }
  const results = await runGates({
    sandboxes,
    image,
    tar: await repo.tar(input.commit, { uid: AGENT_UID }),
    gates: claim.policy.gates.filter((g) => input.gates.includes(g.name)),
    policy: claim.policy,
    labels: labelsOf(work),
    putBlob: (bytes) => api.putBlob(claim.fence, bytes),
    onResult: (result) =>
      api.report(claim.fence, { type: "gate.finished", commit: input.commit, result }),
    signal: inbox.signal,
  });
  const receipt = makeReceipt({ id: clock.id(), key, results, at: clock.now() });
  const lost = results.find((r) => r.verdict === "infra_error");
  if (isInfrastructure(receipt))
    return { kind: "infrastructure", reason: lost?.reason ?? "a gate could not be run" };
  return { kind: "done", result: { kind: "verify", receipt } };
};
