import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

test("a coder whose window is full goes on in a fresh conversation, from its workspace, in the same attempt", async () => {
  const run = await factory.start({
    tasks: [task("one")],
    script: [
      {
        ...{ role: "coder", task: "one" },
        turns: [
          { calls: [{ write: { path: "half.txt", content: "one half\n" } }] },
          { calls: [{ bash: { command: "cat half.txt; echo measured" } }] },
          { text: "And", stop: "model_context_window_exceeded" },
        ],
      },
      codes(
        "one",
        { "whole.txt": "both halves of it are here\n" },
        { conversation: 2, contains: ["Handed on to you", "half.txt +1 -0", "measured"] },
      ),
      approves("one", { contains: "half.txt" }),
      accepts({ r1: { file: "whole.txt", quote: "both halves of it are here" } }),
    ],
  });
  await run.settled();
  const { run: row, tasks, steps } = await expectSound(run);
  expect(row.status).toBe("complete");
  expect(tasks.one).toMatchObject({ status: "landed", attempts: 1 });
  const [first, second] = ["code-1", "code-1-2"].map((step) => steps[`${row.id}-one-${step}`]);
  expect(first?.result).toMatchObject({ result: { end: "handoff", used: { turns: 2 } } });
  expect(second?.result).toMatchObject({ result: { end: "submitted" } });
});
