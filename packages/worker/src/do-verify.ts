import {
  type Environment,
  type Gate,
  type GateResult,
  isGreen,
  isInfrastructure,
  type Receipt,
  type ReceiptKey,
  SetupFailedError,
  type StepInputOf,
  type StepOutcome,
} from "@headrace/domain";
import {
  type Baseline,
  type CanaryBench,
  comparedWith,
  makeReceipt,
  markFlaky,
  receiptKeysEqual,
  runGates,
} from "@headrace/verify";
import { outcomesOf } from "./outcomes-of.ts";
import { tellSetupFailure } from "./setup-failure.ts";
import { environmentOf, have, labelsOf, sandboxFor, tarOf } from "./trees.ts";
import { withCanaries } from "./with-canaries.ts";
import { checksOf } from "./with-checks.ts";
import type { Work } from "./worker.ts";

/**
 * Runs the gates on the exact tree in fresh containers, or finds the known receipt's whole key equal. Where it is asked
 * for, a red verification is made once more: the second counts, and what differs in the first was flaky.
 */
export const doVerify = async (work: Work, input: StepInputOf<"verify">): Promise<StepOutcome> => {
  const { claim, repo } = work;
  await have(work, input.commit);
  await have(work, input.landingBase);
  const place = await placeFor(work, input);
  // a reviewer, the next attempt or the next task follows, whatever the verdict
  const expectAgent = () => {
    if ("image" in place) work.sandboxes.warm(sandboxFor(work, place.image));
  };
  expectAgent();
  const key: ReceiptKey = {
    tree: await repo.treeOf(input.commit),
    landingBaseTree: await repo.treeOf(input.landingBase),
    policy: claim.policyHash,
    image: "image" in place ? place.image : "none: setup failed",
    permits: input.permits,
    gates: input.gates,
  };
  const { known, baseline = [] } = input;
  if (known && receiptKeysEqual(known.key, key) && comparedWith(known, baseline)) {
    return { kind: "done", result: { kind: "verify", receipt: known } };
  }
  const bench = { input, key, place, baseline: await outcomesOf(work, baseline) };
  const receipt = await verified(work, bench);
  // gates may have taken longer than what waits is kept
  expectAgent();
  if (isInfrastructure(receipt)) return lost(receipt);
  if (isGreen(receipt) || !input.twice || place instanceof SetupFailedError)
    return { kind: "done", result: { kind: "verify", receipt } };
  const second = await verified(work, bench);
  if (isInfrastructure(second)) return lost(second);
  const first = markFlaky(receipt, second);
  await tellFlaky(work, first);
  return { kind: "done", result: { kind: "verify", receipt: second, first } };
};

const lost = ({ results }: Receipt): StepOutcome => {
  const spoilt = results.find((r) => r.verdict === "infra_error");
  return { kind: "infrastructure", reason: spoilt?.reason ?? "a gate could not be run" };
};

type Bench = {
  input: StepInputOf<"verify">;
  key: ReceiptKey;
  place: Environment | SetupFailedError;
  baseline: readonly Baseline[];
};

const verified = async (work: Work, { input, key, place, baseline }: Bench): Promise<Receipt> => {
  const { claim, clock } = work;
  const gates = claim.policy.gates.filter((gate) => input.gates.includes(gate.name));
  const facts = { id: clock.id(), key };
  if (place instanceof SetupFailedError) {
    const results = await allRed(work, input.commit, gates, place);
    return makeReceipt({ ...facts, results, at: clock.now() });
  }
  const bench = benchOf(work, place);
  const results = await gatesOn(work, input, { bench, gates, baseline });
  const receipt = { key, results };
  const checks = await checksOf(work, input, { bench, gates, baseline, receipt });
  return makeReceipt({ ...facts, results, checks, at: clock.now() });
};

const tellFlaky = async ({ api, claim }: Work, { results }: Receipt): Promise<void> => {
  for (const { gate, reason } of results.filter(({ verdict }) => verdict === "flaky")) {
    const text = `gate ${gate} is flaky: ${reason}`;
    await api.report(claim.fence, { type: "note.added", level: "warning", text });
  }
};

/**
 * Setup runs with network, so it sees unverified manifests only where the plan permits it; if those cannot be set
 * up, that is the change's fault and answered, not thrown.
 */
const placeFor = async (
  work: Work,
  { commit, landingBase, permits }: StepInputOf<"verify">,
): Promise<Environment | SetupFailedError> => {
  if (!permits.includes("lockfile")) return environmentOf(work, landingBase);
  try {
    return await environmentOf(work, commit);
  } catch (error) {
    if (error instanceof SetupFailedError) return error;
    throw error;
  }
};

/** Where gates run in this environment, but for the trees. */
const benchOf = (work: Work, { image, env }: Environment): CanaryBench => {
  const { claim, inbox, sandboxes } = work;
  const { policy } = claim;
  return {
    ...{ sandboxes, image, imageEnv: env, policy },
    ...{ labels: labelsOf(work), signal: inbox.signal },
  };
};

const gatesOn = async (
  work: Work,
  input: StepInputOf<"verify">,
  on: Pick<Bench, "baseline"> & { bench: CanaryBench; gates: Gate[] },
): Promise<GateResult[]> => {
  const { api, claim } = work;
  const { commit, permits } = input;
  const { bench, gates, baseline } = on;
  const results = await runGates({
    ...bench,
    tar: await tarOf(work, commit),
    gates,
    baseline,
    permits,
    putBlob: (bytes) => api.putBlob(claim.fence, bytes),
    onResult: (result) => api.report(claim.fence, { type: "gate.finished", commit, result }),
  });
  return withCanaries(work, input, { bench, gates, results });
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
