import {
  BlobId,
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

/**
 * A receipt as an in-toto test result: a test is a gate, and one that did not pass has failed. What the predicate has
 * no field for is in one of our own, the receipt itself first of all.
 */
export const receiptStatement = ({ receipt, commit, log, ...subject }: ReceiptFacts): object => {
  const { key, results } = receipt;
  const warned = results.some(isWarned);
  return {
    _type: STATEMENT,
    subject: [
      { name: "tree", digest: { gitTree: key.tree } },
      { name: "commit", digest: { gitCommit: commit } },
    ],
    predicateType: TEST_RESULT,
    predicate: {
      result: isGreen(receipt) ? (warned ? "WARNED" : "PASSED") : "FAILED",
      configuration: [
        { name: "policy", digest: { sha256: key.policy } },
        imageOf(key.image),
        { name: "landing base", digest: { gitTree: key.landingBaseTree } },
      ],
      passedTests: names(results, (r) => r.verdict === "pass" && !isWarned(r)),
      warnedTests: names(results, isWarned),
      failedTests: names(results, (r) => r.verdict !== "pass"),
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
  .transform(({ subject: [tree, commit], predicate }) => ({
    ...predicate[PRODUCT],
    result: predicate.result,
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
