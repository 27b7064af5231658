import { SandboxLimitError } from "@headrace/domain";
import { expect, test } from "vitest";
import { z } from "zod";
import { call, say } from "../../../test/support/agent-rig.ts";
import { maker, rigFor, SUBMIT, WRITE } from "../../../test/support/sample-maker.ts";
import { defineTool } from "./index.ts";

test("calls that cannot be understood, and replies without one, end the job at the limit", async () => {
  await using rig = await rigFor([[say("thinking")], [call("fly", {})], [say("still")]]);
  expect(await rig.run()).toMatchObject({
    end: { end: "limit", limit: "malformed calls", snapshot: rig.base },
  });
});

test("a good call starts that count again", async () => {
  const idle = [say("thinking")];
  await using rig = await rigFor([idle, idle, [WRITE], idle, idle, [SUBMIT]]);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
});

test("a first prompt that fits no window is a limit", async () => {
  const instead = { kind: "context", reason: "it fits no window" } as const;
  await using rig = await rigFor([], { instead: { 1: instead } });
  expect(await rig.run()).toMatchObject({
    end: { end: "limit", limit: "context", detail: instead.reason },
  });
});

test("the same call with the same result is warned about once and then ends the job", async () => {
  const same = Array.from({ length: 20 }, (_, i) => [call("bash", { command: "false" }, `c${i}`)]);
  await using rig = await rigFor(same);
  expect(await rig.run()).toMatchObject({ end: { end: "limit", limit: "looped" } });
  expect(rig.requests).toHaveLength(8);
  expect(rig.records.filter((part) => part.kind === "note")).toHaveLength(1);
});

test.each([
  ["turns", { turns: 3 }, 3],
  ["output tokens", { outputTokens: 25 }, 3],
] as const)("the limit on %s ends the job, after a warning", async (limit, limits, requests) => {
  const script = Array.from({ length: 9 }, (_, i) => [
    call("write", { path: "n.txt", content: `${i}` }, `c${i}`),
  ]);
  await using rig = await rigFor(script, { definition: maker(limits) });
  const run = await rig.run();
  expect(run).toMatchObject({ end: { end: "limit", limit, snapshot: rig.packs.at(-1) } });
  expect(rig.requests).toHaveLength(requests);
});

test("a request the provider will never take is a limit, even if it was the first", async () => {
  const instead = { kind: "invalid", reason: "prompt is too long" } as const;
  await using later = await rigFor([[WRITE]], { instead: { 2: instead } });
  expect(await later.run()).toEqual({
    kind: "ended",
    end: { end: "limit", limit: "request", detail: instead.reason, snapshot: later.packs.at(-1) },
  });
  await using first = await rigFor([], { instead: { 1: instead } });
  expect(await first.run()).toEqual({
    kind: "ended",
    end: { end: "limit", limit: "request", detail: instead.reason, snapshot: first.base },
  });
});

test("a sandbox that was ended for its disk use ends the job there, with what had been saved", async () => {
  const fill = defineTool({
    name: "fill",
    description: "writes without end",
    input: z.object({}),
    mutates: true,
    detail: () => "",
    run: async () => {
      throw new SandboxLimitError("disk", "the sandbox was ended: used more than 64 MB of disk");
    },
  });
  const definition = maker();
  await using rig = await rigFor([[WRITE], [call("fill", {})]], {
    definition: { ...definition, tools: [...definition.tools, fill] },
  });
  expect(await rig.run()).toEqual({
    kind: "ended",
    end: {
      end: "limit",
      limit: "disk",
      detail: "the sandbox was ended: used more than 64 MB of disk",
      snapshot: rig.packs.at(-1),
    },
  });
});

test("waiting for a model's limits is not the agent's time, however many turns do", async () => {
  const writes = Array.from({ length: 15 }, (_, i) => [
    call("write", { path: "n.txt", content: `${i}` }, `c${i}`),
  ]);
  const takes = { waitingMs: 110_000, replyMs: 1_000 };
  await using rig = await rigFor([...writes, [SUBMIT]], { takes });
  expect(await rig.run()).toMatchObject({ kind: "ended", end: { end: "submitted" } });
});

test("waiting for a sandbox is not the agent's time, and thinking is", async () => {
  await using patient = await rigFor([[WRITE], [SUBMIT]], { takes: { openingMs: 3_600_000 } });
  expect(await patient.run()).toMatchObject({ kind: "ended", end: { end: "submitted" } });
  await using slow = await rigFor([[WRITE], [SUBMIT]], { takes: { replyMs: 61_000 } });
  expect(await slow.run()).toMatchObject({
    kind: "ended",
    end: { end: "limit", limit: "wall time" },
  });
});
