import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Cut, call, type RigOptions, say } from "../../../test/support/agent-rig.ts";
import { rigFor, SUBMIT, WRITE } from "../../../test/support/sample-maker.ts";

const LONG: RigOptions["script"] = [
  [say("A file."), WRITE, call("bash", { command: "echo x >> log.txt; seq 1 9000" }, "l1")],
  [call("edit", { path: "a.txt", old: "one", new: "1" }, "l2"), call("fly", {}, "l3")],
  [say("Hm.")],
  [call("submit_change", { summary: "TODO" }, "l4")],
  [
    call(
      "bash",
      { command: "echo y >> log.txt; tail -n 1 $TMPDIR/headrace/1-2.txt >> log.txt" },
      "l5",
    ),
  ],
  [SUBMIT],
];

const REPLACED = "The sandbox was lost and has been replaced.";

/** Each request less the notices, short enough to be shown when two differ. */
const withoutNotice = (requests: readonly unknown[]): string[] =>
  requests.map((request) => {
    const text = JSON.stringify(request).replaceAll(
      /,\{"type":"text","text":"The sandbox was lost[^"]*"\}/g,
      "",
    );
    return `${createHash("sha256").update(text).digest("hex")} ...${text.slice(-200)}`;
  });

// a reply comes after the workspace was saved, or before it: each order of a crash between the two
test.each([false, true])(
  "cut after any part of its record, a step goes on as if nothing had happened (hasty: %s)",
  {
    timeout: 120_000,
  },
  async (hasty) => {
    await using whole = await rigFor(LONG, { hasty });
    const end = await whole.run();
    if (end.kind !== "ended" || end.end.end !== "submitted")
      throw new Error(`it ended: ${end.kind}`);
    // the base's date, and with it every snapshot's id, differs from rig to rig
    const expected = { ...end, end: { ...end.end, snapshot: expect.any(String) } };
    const parts = whole.records.length;
    const conversation = withoutNotice(whole.requests);

    for (let cutAfter = 1; cutAfter < parts; cutAfter++) {
      await using rig = await rigFor(LONG, { hasty });
      await expect(rig.run({ cutAfter })).rejects.toThrow(Cut);
      expect(JSON.stringify(rig.requests)).not.toContain(REPLACED);
      expect(await rig.run(), `cut after ${cutAfter}`).toEqual(expected);
      // no reply was asked for twice, and what was said is what would have been said
      expect(withoutNotice(rig.requests), `cut after ${cutAfter}`).toEqual(conversation);
      expect(rig.fileOf(rig.packs.at(-1) ?? "", "log.txt")).toBe("x\ny\n9000");
      const results = rig.records.flatMap((p) => (p.kind === "tool" ? [p.result.toolUseId] : []));
      expect(results).toEqual([...new Set(results)]);
    }
  },
);

test("cut again and again, the model is told once a turn that the sandbox was replaced", async () => {
  await using rig = await rigFor(LONG);
  await expect(rig.run({ cutAfter: 3 })).rejects.toThrow(Cut);
  for (let i = 0; i < 2; i++) await expect(rig.run({ cutAfter: 5 })).rejects.toThrow(Cut);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  const notes = rig.records.filter((p) => p.kind === "note" && p.text.startsWith(REPLACED));
  expect(notes.length).toBeLessThanOrEqual(2);
});
