import type { GateCanary, StepInputOf } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { workerRig } from "../support/worker-rig.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const SUM = "exports.sum = (a, b) => a + b;\n";
const TEST = [
  'const test = require("node:test");',
  'const assert = require("node:assert");',
  'test("adds", () => assert.equal(require("./sum.js").sum(1, 2), 3));\n',
].join("\n");
const scripts = {
  none: "for t in nowhere/*.test.js; do [ ! -e $t ] || node $t || exit 1; done",
  lenient: "node --check sum.test.js || true",
};
const FILES = {
  "package.json": JSON.stringify({ scripts }),
  "sum.js": SUM,
  "sum.test.js": TEST,
  "README.md": "sums\n",
};
const WRONG_SUM = `--- a/sum.js\n+++ b/sum.js\n@@ -1 +1 @@\n-${SUM}+${SUM.replace("+", "-")}`;
const NO_README = "--- a/README.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-sums\n";

type Gates = readonly { name: string; run: string; canary?: "off" | { patch: string } }[];

let steps = 0;
const verified = async (
  gates: Gates,
  {
    files = FILES,
    canaries = [],
  }: { files?: Record<string, string>; canaries?: GateCanary[] | undefined } = {},
) => {
  await using rig = await workerRig({
    sandboxes: harness.sandboxes,
    history: [files],
    policy: { gates },
  });
  const input: StepInputOf<"verify"> = {
    ...{ kind: "verify", commit: rig.base, landingBase: rig.base, permits: [] },
    ...{ gates: gates.map(({ name }) => name), canaries },
  };
  const step = await rig.request(`c${++steps}`, input);
  expect(await rig.deliver(step), rig.logged.join("\n")).toEqual({ kind: "done" });
  const result = (await rig.row(step))?.result;
  if (result?.kind !== "verify") throw new Error("there is no receipt");
  const told = (await rig.store.events(rig.run)).flatMap((e) =>
    e.type === "canary.finished" ? [e.canary.gate] : [],
  );
  return { results: result.receipt.results, told };
};

describe("a gate that passes is shown a tree that is known to be bad", () => {
  it("and stays green itself where it is red there, by syntax errors or by its own patch", async () => {
    const { results, told } = await verified([
      { name: "test", run: "node --test" },
      { name: "syntax", run: "for f in *.js; do node --check $f || exit 1; done" },
      { name: "patched", run: "node sum.test.js", canary: { patch: WRONG_SUM } },
      { name: "docs", run: "test -f README.md", canary: { patch: NO_README } },
    ]);
    expect(results.map((r) => [r.gate, r.verdict, r.canary?.outcome])).toEqual([
      ["test", "pass", "red"],
      ["syntax", "pass", "red"],
      ["patched", "pass", "red"],
      ["docs", "pass", "red"],
    ]);
    expect(results[0]?.canary?.detail).toMatch(
      /^exit 1.*, with syntax errors in 2 JavaScript files$/,
    );
    expect(results[2]?.canary?.detail).toMatch(/^exit 1.*, with its own patch applied$/);
    expect(results[0]?.canary?.tree).toBe(results[1]?.canary?.tree);
    expect(told).toEqual(["test", "syntax", "patched", "docs"]);
  });

  it.each([
    ["does nothing", "true"],
    ["says that all is well", "exit 0"],
    ["throws its verdict away", "npm run --silent lenient"],
    ["finds no test where it looks", "npm run --silent none"],
    ["looks at something else", "test -f README.md"],
  ])("and is red where it is green there: one that %s", async (_what, run) => {
    const { results } = await verified([{ name: "test", run }]);
    expect(results).toMatchObject([{ verdict: "fail", exitCode: 0, canary: { outcome: "green" } }]);
    expect(results[0]?.reason).toMatch(
      /^stays green on a tree that is known to be bad: exit 0.*, with syntax errors in 2 JavaScript files$/,
    );
  });
});

it("a gate is shown none that has `canary: off`, that failed, or that has been shown one", async () => {
  const shown: GateCanary = { gate: "shown", outcome: "red", detail: "exit 1, before" };
  const gates: Gates = [
    { name: "off", run: "true", canary: "off" },
    { name: "failed", run: "false" },
    { name: "shown", run: "true" },
  ];
  const { results, told } = await verified(gates, { canaries: [shown] });
  expect(results.map((r) => [r.gate, r.verdict, r.canary?.outcome])).toEqual([
    ["off", "pass", "off"],
    ["failed", "fail", undefined],
    ["shown", "pass", "red"],
  ]);
  expect(told).toEqual(["off"]);
});

it("a tree without source files has nothing to break, and the receipt says so", async () => {
  const files = { "a.txt": "a\n", "check.sh": "grep -q a a.txt\n" };
  const { results } = await verified([{ name: "test", run: "sh check.sh" }], { files });
  expect(results).toMatchObject([
    { verdict: "pass", canary: { outcome: "none", detail: "there is no source file to break" } },
  ]);
});

it("a patch that does not apply to the base is refused before anything starts", async () => {
  const gates: Gates = [{ name: "test", run: "true", canary: { patch: NO_README } }];
  const files = { "README.md": "others\n" };
  await expect(verified(gates, { files })).rejects.toThrow(
    /^gate test: canary: the patch does not apply to [0-9a-f]{12}: .*README\.md/,
  );
});
