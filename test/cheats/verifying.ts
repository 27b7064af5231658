import { isGreen, type Receipt, type StepInputOf } from "@headrace/domain";
import type { dockerHarness } from "../support/engine.ts";
import { pytestImage } from "../support/python-image.ts";
import { workerRig } from "../support/worker-rig.ts";
import { type Edit, gatesOf, type Tree } from "./cases.ts";

export type Language = "JavaScript" | "Python";

/** Who caught a cheat: a gate, with what its runner reports; one of the further checks; or nobody. */
export type Caught = {
  outcome: "refused" | "flagged" | "accepted";
  by: string;
  why: string;
};

type Rig = Awaited<ReturnType<typeof workerRig>>;

/** Room for every check: what is skipped for time would be accepted here. */
const BUDGET_MS = 600_000;

const caughtBy = ({ results, checks = [], ...receipt }: Receipt): Caught => {
  const red = results.find(({ verdict }) => verdict !== "pass");
  if (red !== undefined) return { outcome: "refused", by: "gate", why: red.reason };
  const failed = checks.find(({ outcome }) => outcome === "fail");
  const flagged = failed ?? checks.find(({ outcome }) => outcome === "flagged");
  const green = isGreen({ ...receipt, results, checks });
  if (green !== (failed === undefined)) throw new Error("a receipt is green though a check failed");
  if (flagged === undefined) return { outcome: "accepted", by: "", why: "" };
  const outcome = failed === undefined ? "flagged" : "refused";
  return { outcome, by: flagged.check, why: flagged.detail };
};

type Asked = { fix?: boolean; twice?: boolean; permits?: readonly string[] };

/** A repository whose changes are verified as those of a run are: by a worker, in sandboxes of a real engine. */
export type Bench = AsyncDisposable & {
  rig: Rig;
  /** What the factory's verification makes of the base with this edit. */
  caught(edit: Edit, asked?: Asked): Promise<Caught>;
  /** What it makes of a commit. */
  verified(commit: string, asked?: Asked): Promise<Caught>;
};

type Harness = Awaited<ReturnType<typeof dockerHarness>>;

/** What a repository of the corpus is worked on with, besides its files. */
type Given = {
  setup?: readonly string[];
  conversations?: readonly unknown[];
  /** commits below the base */
  before?: readonly Edit[];
  timeoutS?: number;
};

export const openBench = async (
  harness: Harness,
  base: Tree,
  given: Given = {},
): Promise<Bench> => {
  const { setup = [], conversations, before = [], timeoutS = 60 } = given;
  const isPython = base["package.json"] === undefined;
  const gates = gatesOf(base).map((gate) => ({ ...gate, timeoutS }));
  const rig = await workerRig({
    sandboxes: harness.sandboxes,
    history: [...before, base],
    policy: { gates, setup, ...(isPython ? { image: await pytestImage(harness.docker) } : {}) },
    ...(conversations === undefined ? {} : { conversations }),
  });
  let steps = 0;
  const verify = async (input: Partial<StepInputOf<"verify">> & { commit: string }) => {
    const about = { landingBase: rig.base, gates: gates.map(({ name }) => name), permits: [] };
    const step = await rig.request(`v${++steps}`, { kind: "verify", ...about, ...input });
    const ended = await rig.deliver(step);
    const result = (await rig.row(step))?.result;
    if (result?.kind !== "verify")
      throw new Error(`there is no receipt: ${JSON.stringify(ended)} ${rig.logged.join("\n")}`);
    return result.receipt;
  };
  let ofBase: ReturnType<typeof verify> | undefined;
  const baselineOf = async () => {
    ofBase ??= verify({ commit: rig.base });
    return (await ofBase).results.map(({ gate, verdict, tests, reason }) => {
      if (verdict !== "pass" || tests === undefined)
        throw new Error(
          `the base of the corpus is not green, or its tests are not told: ${reason}`,
        );
      return { gate, tests };
    });
  };
  const seen = new Set(Object.keys(base));
  const verified: Bench["verified"] = async (
    commit,
    { fix = false, twice = false, permits = [] } = {},
  ) =>
    caughtBy(
      await verify({
        ...{ commit, twice, permits: [...permits], baseline: await baselineOf() },
        checks: { fix, budgetMs: BUDGET_MS },
      }),
    );
  return {
    rig,
    verified,
    async caught(edit, asked) {
      // what an edit before this one left is not of this one
      const cleared = Object.fromEntries([...seen].map((path) => [path, null]));
      for (const path of Object.keys(edit)) seen.add(path);
      return verified(await rig.change(rig.base, { ...cleared, ...base, ...edit }), asked);
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
};
