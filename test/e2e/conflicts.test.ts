import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { TestRun } from "../support/factory-run.ts";
import { accepts, approves, codes, merges, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

const BOTH = "left and right together\n";
const ACCEPTED = accepts({ r1: { file: "list.txt", quote: BOTH.trim() } });
const tasks = [task("left"), task("right")];
/** Both rewrite the only line of list.txt. */
const clash = [
  codes("left", { "list.txt": "left was here\n" }),
  codes("right", { "list.txt": "right was here\n" }),
  approves("left"),
  approves("right"),
];
/** Which of two equal tasks lands first is nobody's business: the script holds a part for either. */
const either = (part: (task: string) => ReturnType<typeof codes>) => tasks.map((t) => part(t.id));

const orderOf = async (run: TestRun): Promise<string[]> =>
  (await run.events()).flatMap((e) => (e.type === "merge.landed" ? [e.task ?? ""] : []));

describe.concurrent("two tasks that edit the same line", () => {
  test("are merged by the merger, whose result is verified and lands", async () => {
    const run = await factory.start({
      files: { "list.txt": "empty\n" },
      tasks,
      script: [
        ...clash,
        ...either((id) => merges(id, { "list.txt": BOTH }, { contains: ["left", "right"] })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const [first = "", second = ""] = await orderOf(run);
    expect(state.tasks[first]).toMatchObject({ attempts: 1, returns: 0 });
    expect(state.tasks[second]).toMatchObject({ attempts: 1, returns: 0 });
    expect(state.tasks[second]?.conflictedLanding).toBe(`${second}-1`);
    const mergers = (await run.requests()).filter((r) => r.user?.includes(".merger."));
    expect(mergers.map((r) => r.user)).toEqual([`hr1.${run.id}.${second}.merger.1.1`]);
    const verified = state.steps[`${run.id}-${second}-verify-landing-1-1`]?.result;
    expect(verified?.kind === "verify" && verified.receipt.id).toBe(
      state.tasks[second]?.landing?.receipt,
    );
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });

  test("go back to the coder when the merger touches another file", async () => {
    const run = await factory.start({
      files: { "list.txt": "empty\n", "other.txt": "untouched\n" },
      tasks,
      script: [
        ...clash,
        ...either((id) => merges(id, { "list.txt": BOTH, "other.txt": "mine\n" })),
        ...either((id) => codes(id, { "list.txt": BOTH }, { attempt: 2, contains: "list.txt" })),
        ...either((id) => approves(id, { attempt: 2 })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const [, second = ""] = await orderOf(run);
    expect(state.tasks[second]).toMatchObject({ attempts: 2, returns: 1 });
    const returned = (await run.events()).filter((e) => e.type === "task.returned");
    expect(returned).toMatchObject([
      { task: second, reason: "the resolution was refused: other.txt was not in conflict" },
    ]);
    expect(run.merged("other.txt")).toBe("untouched");
  });

  test("go back to the coder when the merger gives up with markers in the file", async () => {
    const marked = "<<<<<<< ours\nleft\n=======\nright\n>>>>>>> theirs\n";
    const giveUp = (id: string) => ({
      role: "merger",
      task: id,
      turns: [
        {
          calls: [
            { write: { path: "list.txt", content: marked } },
            { submit_resolution: { summary: "done, surely" } },
          ],
        },
        {
          contains: "list.txt still holds conflict markers",
          calls: [{ report_blocked: { reason: "both are right" } }],
        },
      ],
    });
    const run = await factory.start({
      files: { "list.txt": "empty\n" },
      tasks,
      script: [
        ...clash,
        ...either(giveUp),
        ...either((id) => codes(id, { "list.txt": BOTH }, { attempt: 2, contains: "list.txt" })),
        ...either((id) => approves(id, { attempt: 2 })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const [, second = ""] = await orderOf(run);
    expect(state.tasks[second]).toMatchObject({ attempts: 2, returns: 1 });
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });
});

describe.concurrent("two changes that are green alone and red together", () => {
  test("land one after the other: the second goes back with the evidence", async () => {
    const run = await factory.start({
      // one word of the list may stand in parts/, not two
      files: {
        "checks/one.sh":
          'test "$(ls parts 2>/dev/null | wc -l)" -le 1 || { echo two parts; exit 1; }\n',
      },
      tasks,
      script: [
        codes("left", { "parts/left.txt": "left\n" }),
        codes("right", { "parts/right.txt": "right\n" }),
        approves("left"),
        approves("right"),
        ...either((id) => ({
          role: "coder",
          task: id,
          attempt: 2,
          turns: [
            {
              contains: ["two parts", "after merging"],
              calls: [
                { bash: { command: "rm parts/*" } },
                { write: { path: "list.txt", content: BOTH } },
                { submit_change: { summary: "one list instead of two parts" } },
              ],
            },
          ],
        })),
        ...either((id) => approves(id, { attempt: 2 })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const [first = "", second = ""] = await orderOf(run);
    expect(state.tasks[first]).toMatchObject({ attempts: 1, returns: 0 });
    expect(state.tasks[second]).toMatchObject({ attempts: 2, returns: 1 });
    const red = state.steps[`${run.id}-${second}-verify-landing-1-1`]?.result;
    expect(red?.kind === "verify" && red.receipt.results).toMatchObject([{ verdict: "fail" }]);
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });
});
