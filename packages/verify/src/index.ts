export { refuseUnfitCanaries } from "./canary/refuse-unfit.ts";
export { type CanaryBench, runCanaries } from "./canary/run-canaries.ts";
export {
  type CheckInput,
  type CheckRow,
  checkRepository,
  isFit,
  type RepositoryCheck,
} from "./check-repository.ts";
export { runChecks } from "./checks/run-checks.ts";
export { compareReceipts, type GateComparison } from "./compare-receipts.ts";
export { checkEvidence, type EvidenceTools } from "./evidence.ts";
export { failureHint } from "./hints.ts";
export { type Baseline, type Facts, type Judgement, judge } from "./judge.ts";
export { proxyAddress } from "./proxy-address.ts";
export {
  comparedWith,
  findReceipt,
  makeReceipt,
  markFlaky,
  receiptKeysEqual,
} from "./receipts.ts";
export { renderCheck } from "./render-check.ts";
export { type GateBench, runGates } from "./run-gates.ts";
export { checkTampering, type TamperCheck } from "./tamper/check-tampering.ts";
