import {
  BlobId,
  type Check,
  type GateResult,
  Id,
  isGreen,
  ObjectId,
  PRODUCT,
  type Receipt,
} from "@headrace/domain";
import { z } from "zod";

const STATEMENT = "https://in-toto.io/Statement/v1";
const TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1";
const EVENT_LOG = `https://${PRODUCT}.invalid/attestation/event-log/v0.1`;

/** An event of a run's log, and by its hash all events before it. */
export const LogHead = z.object({ seq: z.number().int().positive(), hash: BlobId });
export type LogHead = z.infer<typeof LogHead>;

export type ReceiptFacts = {
  run: string;
  step: string;
  task?: string;
  attempt?: number;
  /** the commit whose tree was verified */
  commit: string;
  receipt: Receipt;
  /** where the log stood when this was signed */
  log: LogHead;
};

const sha256 = /^sha256:([0-9a-f]{64})$/;

/** Engines name images by digest; whatever else stands for one is kept as a name. */
const imageOf = (image: string): object => {
  const [, digest] = sha256.exec(image) ?? [];
  return digest === undefined
    ? { name: "image", uri: `urn:${PRODUCT}:image:${encodeURIComponent(image)}` }
    : { name: "image", digest: { sha256: digest } };
};

/** Passed, but for tests that fail on the run base as well. */
const isWarned = (result: GateResult): boolean =>
  result.verdict === "pass" && result.baseRed !== undefined;

const names = (results: readonly GateResult[], which: (result: GateResult) => boolean): string[] =>
  results.filter(which).map(({ gate }) => gate);

/** A further check among the names of gates, none of which has a space. */
const checked = ({ checks = [] }: Receipt, outcome: Check["outcome"]): string[] =>
  checks.filter((one) => one.outcome === outcome).map(({ check }) => `check ${check}`);

/** What a receipt comes to in the terms of a test result. A check that was skipped is in none of the lists. */
export const verdictOf = (receipt: Receipt) => {
  const { results } = receipt;
  const warnedTests = [...names(results, isWarned), ...checked(receipt, "flagged")];
  const isPassed = (r: GateResult) => r.verdict === "pass" && !isWarned(r);
  return {
    result: isGreen(receipt) ? (warnedTests.length > 0 ? "WARNED" : "PASSED") : "FAILED",
    passedTests: [...names(results, isPassed), ...checked(receipt, "pass")],
    warnedTests,
    failedTests: [...names(results, (r) => r.verdict !== "pass"), ...checked(receipt, "fail")],
  };
};

/**
 * A receipt as an in-toto test result: a test is a gate or a further check, and a gate that did not pass has failed. What
 * the predicate has no field for, such as canaries, is in one of our own, the receipt itself first of all.
 */
export const receiptStatement = ({ receipt, commit, log, ...subject }: ReceiptFacts): object => {
  const { key } = receipt;
  const { result, ...tests } = verdictOf(receipt);
  return {
    _type: STATEMENT,
    subject: [
      { name: "tree", digest: { gitTree: key.tree } },
      { name: "commit", digest: { gitCommit: commit } },
    ],
    predicateType: TEST_RESULT,
    predicate: {
      result,
      configuration: [
        { name: "policy", digest: { sha256: key.policy } },
        imageOf(key.image),
        { name: "landing base", digest: { gitTree: key.landingBaseTree } },
      ],
      ...tests,
      [PRODUCT]: { ...subject, receipt, log },
    },
  };
};

/** What a statement about a receipt must hold to be read; fields it may gain are left alone. */
export const ReceiptStatement = z
  .object({
    _type: z.literal(STATEMENT),
    subject: z.tuple([
      z.object({ digest: z.object({ gitTree: ObjectId }) }),
      z.object({ digest: z.object({ gitCommit: ObjectId }) }),
    ]),
    predicateType: z.literal(TEST_RESULT),
    predicate: z.object({
      result: z.enum(["PASSED", "WARNED", "FAILED"]),
      passedTests: z.array(z.string()),
      warnedTests: z.array(z.string()),
      failedTests: z.array(z.string()),
      [PRODUCT]: z.object({
        run: Id,
        step: z.string(),
        task: Id.optional(),
        attempt: z.number().int().positive().optional(),
        receipt: z.unknown(),
        log: LogHead,
      }),
    }),
  })
  .transform(({ subject: [tree, commit], predicate: { [PRODUCT]: ours, ...verdict } }) => ({
    ...ours,
    verdict,
    tree: tree.digest.gitTree,
    commit: commit.digest.gitCommit,
  }));

/** That the log of the run stood at this event: all before it is as it was then, or the hash is another one. */
export const logStatement = (run: string, log: LogHead): object => ({
  _type: STATEMENT,
  subject: [{ name: "event log", digest: { sha256: log.hash } }],
  predicateType: EVENT_LOG,
  predicate: { run, log },
});

export const LogStatement = z
  .object({
    _type: z.literal(STATEMENT),
    predicateType: z.literal(EVENT_LOG),
    predicate: z.object({ run: Id, log: LogHead }),
  })
  .transform(({ predicate }) => predicate);
