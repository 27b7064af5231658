import { randomBytes } from "node:crypto";
import type {
  Claim,
  FactoryApi,
  Receipt,
  ReceiptKey,
  RunState,
  StepOutcome,
  Submission,
} from "@headrace/domain";
import { receiptKeysEqual } from "@headrace/verify";
import { commitFlat, type Files, filesOf } from "./flat-trees.ts";
import { commitFiles, tempRepo } from "./git.ts";
import { type LineOptions, played, playedLine } from "./played-line.ts";

/** What a coder makes of the files in front of it. */
export type Coder = (files: Files, at: { task: string; attempt: number }) => Files;

export type MergeLineOptions = Omit<LineOptions, "play"> & {
  /** coders see the markers of conflicts; else they find both sides joined */
  markers?: boolean;
  /** what every new repository starts from */
  files?: Files;
  code: Coder;
  /** what a merger makes of the files with their markers; both sides of each conflict where absent */
  merge?: Coder;
  /** a package manager that writes the lockfiles of a merge again; one that fails where absent */
  relock?(files: Files): Files;
  /** the gate: tests give a pure function of the tree */
  red?(files: Files, claim: Claim): boolean | Promise<boolean>;
  /** landings wait until no task is being built, so that batches are as full as they can be */
  gather?: boolean;
  /** what a worker answers for a verification, in the place of running the gate */
  verify?(claim: Claim, honest: () => Promise<Receipt>): Promise<Receipt>;
};

const MARKER = /^(?:<{7}|={7}|>{7})(?: .*)?\n/gm;

/** Both sides of each conflict, one after the other. */
export const keepBoth = (files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text.replace(MARKER, "")]));

/**
 * The played line for what the merge queue does: coders edit, the gate reads the tree that it was given, mergers keep
 * both sides. Every run of the gate is counted.
 */
export const mergeLine = async (options: MergeLineOptions) => {
  const { code, red = () => false, gather = false, files = { "list.txt": "" } } = options;
  const runs: ReceiptKey[] = [];
  const gate = async (claim: Claim, api: FactoryApi): Promise<Receipt> => {
    const { input } = claim;
    if (input.kind !== "verify") throw new Error(`${input.kind} is no verification`);
    const tree = await line.repo.treeOf(input.commit);
    const key: ReceiptKey = {
      tree,
      landingBaseTree: await line.repo.treeOf(input.landingBase),
      policy: claim.policyHash,
      image: "image:1",
      permits: input.permits,
      gates: input.gates,
    };
    if (input.known && receiptKeysEqual(input.known.key, key)) return input.known;
    runs.push(key);
    const failed = await red(filesOf(line.bare, input.commit), claim);
    const verdict = failed ? ("fail" as const) : ("pass" as const);
    const log = await api.putBlob(claim.fence, Buffer.from(`the gate said ${verdict}`));
    const exitCode = verdict === "pass" ? 0 : 1;
    const reason = `exit ${exitCode}`;
    return {
      id: `rc-${randomBytes(6).toString("hex")}`,
      key,
      results: input.gates.map((name) => ({
        gate: name,
        verdict,
        reason,
        exitCode,
        durationMs: 1,
        log,
      })),
      at: new Date(0).toISOString(),
    };
  };
  const play = async (claim: Claim, api: FactoryApi): Promise<StepOutcome | undefined> => {
    const { input, subject } = claim;
    if (input.kind === "verify") {
      const honest = () => gate(claim, api);
      const receipt = await (options.verify?.(claim, honest) ?? honest());
      return { kind: "done", result: { kind: "verify", receipt } };
    }
    if (input.kind === "relock" && options.relock !== undefined) {
      const files = options.relock(filesOf(line.bare, input.commit));
      const snapshot = commitFlat(line.bare, input.commit, files);
      return { kind: "done", result: { kind: "relock", relock: { outcome: "made", snapshot } } };
    }
    if (input.kind !== "agent" || (input.role !== "coder" && input.role !== "merger"))
      return undefined;
    const marked = filesOf(line.bare, input.commit);
    const at = { task: subject, attempt: input.attempt };
    const after =
      input.role === "merger"
        ? (options.merge ?? keepBoth)(marked, at)
        : code(options.markers ? marked : keepBoth(marked), at);
    const snapshot = commitFlat(line.bare, input.commit, after);
    const output = { summary: `Did ${subject}.` };
    const result = { end: "submitted" as const, model: "played", turns: 1, output, snapshot };
    return { kind: "done", result: { kind: "agent", result } };
  };
  const line = await playedLine({
    ...options,
    play,
    threads: (real) => {
      const threads = options.threads?.(real) ?? real;
      if (!gather) return threads;
      return {
        ...threads,
        wake: async (thread) =>
          thread.kind === "run" && isBuilding(await line.state(thread.run))
            ? "parked"
            : threads.wake(thread),
      };
    },
  });
  const users = new AsyncDisposableStack();
  return {
    ...line,
    /** every run of the gate there was, reuse left out */
    runs,
    /** Verifications for landings, those left out that an attempt had made already: what merging costs. */
    verifications: (state: RunState) => {
      const by = (kind: string) =>
        Object.values(state.steps).flatMap(({ thread, result }) =>
          thread.kind === kind && result?.kind === "verify" ? [result.receipt.id] : [],
        );
      const known = by("task");
      return new Set(by("landing").filter((id) => !known.includes(id))).size;
    },
    async start(
      tasks: Array<string | Record<string, unknown>>,
      change: Partial<Submission> = {},
    ): Promise<string> {
      const { path } = users.use(await tempRepo());
      await commitFiles(path, files);
      return line.submit(
        tasks.map((task) => (typeof task === "string" ? played(task) : task)),
        { repo: { path, name: "merged" }, ...change },
      );
    },
    /** the files at the tip of the integration branch */
    merged: async (run: string): Promise<Files> =>
      filesOf(line.bare, (await line.state(run)).run.tip),
    async [Symbol.asyncDispose]() {
      await line[Symbol.asyncDispose]();
      await users.disposeAsync();
    },
  };
};

const isBuilding = ({ tasks }: RunState): boolean =>
  Object.values(tasks).some(({ status }) => status === "building" || status === "waiting");
