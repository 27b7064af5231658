import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { fixedEgress } from "../support/fixed-egress.ts";
import { workerRig } from "../support/worker-rig.ts";

let networked: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  networked = await dockerHarness({ egress: fixedEgress() });
});
afterAll(() => networked[Symbol.asyncDispose]());

const lock = { name: "app", version: "1.0.0", lockfileVersion: 3, requires: true };
const FILES = {
  "web app/package.json": '{ "name": "app", "version": "1.0.0", "workspaces": ["parts/*"] }\n',
  "web app/package-lock.json": `${JSON.stringify({ ...lock, packages: {} })}\n`,
  "web app/parts/a/package.json": '{ "name": "a", "version": "1.0.0" }\n',
};
const PATH = "web app/package-lock.json";
const MARKED = "<<<<<<< ours\n{}\n=======\n{ }\n>>>>>>> theirs\n";

/** The step's result for a merge whose lockfile holds markers, with these files otherwise. */
const relocked = async (files: Record<string, string>, lockfile = PATH) => {
  await using rig = await workerRig({
    sandboxes: networked.sandboxes,
    history: [{ ...FILES, ...files }],
  });
  const marks = { files: new Map([[PATH, Buffer.from(MARKED)]]) };
  const altered = await rig.factory.alter(rig.base, marks);
  if (altered.outcome === "unfit") throw new Error(altered.reason);
  const commit = await rig.factory.commit({
    tree: altered.tree,
    parents: [rig.base],
    message: "merge",
    at: new Date(0),
  });
  const input = { kind: "relock" as const, commit, base: rig.base, lockfiles: [lockfile] };
  const step = await rig.request("relock", input);
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  const result = (await rig.row(step))?.result;
  if (result?.kind !== "relock") throw new Error(`the step ended with ${result?.kind}`);
  const { relock } = result;
  if (relock.outcome === "failed") return { reason: relock.reason };
  const bytes = await rig.factory.read(relock.snapshot, PATH);
  const changed = await rig.factory.diffStat(rig.base, relock.snapshot);
  return {
    lock: JSON.parse(Buffer.from(bytes ?? []).toString()),
    changed: changed.map((d) => d.path),
  };
};

describe("a lockfile whose merge is in conflict", () => {
  it("is written again by npm in its own folder, and nothing else is", async () => {
    const { lock: made, changed } = await relocked({});
    expect(made?.packages).toMatchObject({
      "node_modules/a": { resolved: "parts/a", link: true },
      "parts/a": { version: "1.0.0" },
    });
    expect(changed).toEqual([PATH]);
  });

  it("is left to others, with npm's own words, where npm cannot", async () => {
    const { reason } = await relocked({ "web app/package.json": "{ broken\n" });
    expect(reason).toMatch(/^npm install .* failed in web app: exit \d+: [\s\S]*EJSONPARSE/);
  });

  it("is left to others where it is new on both sides, or nobody's to write", async () => {
    expect(await relocked({}, "other/package-lock.json")).toEqual({
      reason: "other/package-lock.json is new on both sides",
    });
    expect(await relocked({}, "yarn.lock")).toEqual({
      reason: "yarn.lock is no lockfile that can be written again",
    });
  });
});
