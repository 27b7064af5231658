import { type Claim, isEnded, type StepInputOf, type StepOutcome } from "@headrace/domain";
import { expect, test } from "vitest";
import { git } from "../support/git.ts";
import { played, playedLine } from "../support/played-line.ts";

/** A line whose gate passes everywhere, and is shown a bad tree by each verification that knows of none. */
const canaryLine = async () => {
  const asked = new Map<string, StepInputOf<"verify">>();
  let bare = "";
  const line = await playedLine({
    play: async ({ fence, input, policyHash }: Claim, api): Promise<StepOutcome | undefined> => {
      if (input.kind !== "verify") return undefined;
      const step = fence.step.slice(fence.run.length + 1);
      asked.set(step, input);
      const treeOf = (commit: string) => git(bare, "rev-parse", `${commit}^{tree}`);
      const trees = { tree: treeOf(input.commit), landingBaseTree: treeOf(input.landingBase) };
      const { permits, gates, canaries = [] } = input;
      const key = { ...trees, policy: policyHash, image: "image:1", permits, gates };
      const log = await api.putBlob(fence, new TextEncoder().encode("ok"));
      const known = canaries.find(({ gate }) => gate === "test");
      const canary = { outcome: "red" as const, detail: known?.detail ?? step };
      const ended = { verdict: "pass" as const, reason: "exit 0", exitCode: 0, durationMs: 1 };
      const results = [{ gate: "test", ...ended, log, canary }];
      const receipt = { id: `rc-${asked.size}`, key, results, at: new Date(0).toISOString() };
      return { kind: "done", result: { kind: "verify", receipt } };
    },
  });
  bare = line.bare;
  /** where the canary was shown that a verification was told of */
  const told = (step: string) => asked.get(step)?.canaries?.map(({ detail }) => detail);
  return Object.assign(line, { asked, told });
};

test("a gate that a task may change is shown another bad tree, on its trees and for those that come after it", async () => {
  await using line = await canaryLine();
  const run = await line.submit([
    played("a"),
    played("b", { blockedBy: ["a"], permits: ["gates:test"] }),
    played("c", { blockedBy: ["b"], permits: ["path:docs/**"] }),
  ]);
  const { tasks, receipts } = await line.until(run, (s) => isEnded(s.run.status));
  const first = line.told("a-verify-1");
  expect(first).toEqual([expect.stringMatching(/^end-check-gates-/)]);
  expect(line.told("b-verify-1")).toEqual([]);
  const landings = [...line.asked.keys()].filter((step) => step.includes("verify-landing"));
  expect(landings.map((step) => line.told(step))).toEqual([first, [], line.told("c-verify-1")]);
  const shown = receipts[tasks.b?.landing?.receipt ?? ""]?.results[0]?.canary?.detail;
  expect(line.told("c-verify-1")).toEqual([shown]);
  expect([shown]).not.toEqual(first);
});
