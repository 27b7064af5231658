import { expect, it, vi } from "vitest";
import { keepTidy } from "./tidy.ts";

it("tidies up at once, tells of a failure, and stops when it is closed", async () => {
  const done: string[] = [];
  const log: string[] = [];
  const chores = keepTidy({
    sandboxes: {
      async reap() {
        done.push("reap");
        throw new Error("the engine is away");
      },
      async evict() {
        done.push("evict");
        return 0;
      },
    },
    log: (line) => log.push(line),
  });
  await vi.waitFor(() => expect(log).toEqual(["tidying up: the engine is away"]));
  await chores[Symbol.asyncDispose]();
  expect(done.sort()).toEqual(["evict", "reap"]);
});
