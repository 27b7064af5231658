import { InfrastructureError } from "@headrace/domain";
import { expect, test } from "vitest";
import { BREAK, BREAK_NEXT, Cut, call } from "../../../test/support/agent-rig.ts";
import { rigFor, SUBMIT, WRITE } from "../../../test/support/sample-maker.ts";

const told = (rig: { requests: Array<{ messages: ReadonlyArray<{ content: unknown }> }> }) =>
  JSON.stringify(rig.requests.at(-1)?.messages.at(-1)?.content);

test("a sandbox that a command broke is replaced, and only that call is wrong", async () => {
  await using rig = await rigFor([
    [WRITE],
    [
      call("bash", { command: "echo two >> a.txt" }, "b1"),
      call("bash", { command: `echo lost >> a.txt; ${BREAK}` }, "b2"),
      call("bash", { command: "cat a.txt; echo three >> a.txt" }, "b3"),
    ],
    [SUBMIT],
  ]);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  expect(rig.opened).toHaveLength(2);
  expect(rig.records.flatMap((p) => (p.kind === "tool" && p.turn === 2 ? [p.result] : []))).toEqual(
    [
      expect.objectContaining({ toolUseId: "b1", isError: false }),
      expect.objectContaining({
        toolUseId: "b2",
        isError: true,
        lost: true,
        content: expect.stringContaining("the sandbox was lost: its stream ended"),
      }),
      expect.objectContaining({ toolUseId: "b3", content: "one\ntwo" }),
    ],
  );
  expect(told(rig)).toContain("The sandbox was lost and has been replaced");
  expect(rig.fileOf(rig.packs.at(-1) ?? "", "a.txt")).toBe("one\ntwo\nthree");
});

test("what breaks every sandbox ends the claim as the machine's failure, after a few", async () => {
  const broken = (id: string) => [call("bash", { command: BREAK }, id)];
  await using rig = await rigFor([...["b1", "b2", "b3", "b4", "b5"].map(broken), [SUBMIT]]);
  await expect(rig.run()).rejects.toThrow(InfrastructureError);
  expect(rig.opened).toHaveLength(4);
});

test("calls that break the next sandbox when they are repeated are undone instead, and that is told", async () => {
  await using rig = await rigFor([
    [WRITE],
    [
      call("bash", { command: `echo two >> a.txt # ${BREAK_NEXT}` }, "b1"),
      call("bash", { command: BREAK }, "b2"),
    ],
    [call("bash", { command: "cat a.txt" }, "b3")],
    [SUBMIT],
  ]);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  expect(rig.opened).toHaveLength(3);
  expect(JSON.stringify(rig.requests[2]?.messages.at(-1))).toContain("is undone");
  expect(rig.fileOf(rig.packs.at(-1) ?? "", "a.txt")).toBe("one");
});

test("a later claim does not repeat the call that broke the sandbox", async () => {
  await using rig = await rigFor([
    [WRITE, call("bash", { command: BREAK }, "b1")],
    [call("bash", { command: "echo two >> a.txt" }, "b2")],
    [SUBMIT],
  ]);
  await expect(rig.run({ cutAfter: 3 })).rejects.toThrow(Cut);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  expect(rig.opened).toHaveLength(3);
  expect(rig.fileOf(rig.packs.at(-1) ?? "", "a.txt")).toBe("one\ntwo");
});
