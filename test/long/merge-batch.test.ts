import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { addsPart, makesOneList, ONE_PART } from "../support/red-together.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { ended, LAUNCHER } from "../support/shell.ts";
import { expectSound } from "../support/soundness.ts";

/** Landings wait until nothing is being built, so that all changes stand in one batch. */
let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory({
    between: {
      threads: (threads) => ({
        ...threads,
        async wake(thread) {
          const state = await factory.store.state(thread.run);
          const building = Object.values(state?.tasks ?? {}).some((t) => t.status === "building");
          return thread.kind === "run" && building ? "parked" : threads.wake(thread);
        },
      }),
    },
  });
});
afterAll(() => factory[Symbol.asyncDispose]());

/** A verb beside the running factory. */
const headrace = (...args: string[]) =>
  ended(spawn(process.execPath, [LAUNCHER, ...args, "--data", factory.data]));

const WHOLE = "left and right together\n";

test("two changes of one batch that are green alone and red together never both land", async () => {
  const run = await factory.start({
    files: ONE_PART,
    tasks: [task("left"), task("solo"), task("right")],
    script: [
      addsPart("left"),
      codes("solo", { "solo.txt": "solo\n" }),
      addsPart("right"),
      ...["left", "solo", "right"].map((id) => approves(id)),
      ...["left", "right"].flatMap((id) => [makesOneList(id, WHOLE), approves(id, { attempt: 2 })]),
      accepts({ r1: { file: "list.txt", quote: WHOLE.trim() } }),
    ],
  });
  await run.settled();
  const state = await expectSound(run);
  expect(state.run.status).toBe("complete");
  const members =
    state.threads[Object.keys(state.threads).find((id) => id.startsWith("landing/")) ?? ""];
  expect(members?.members).toHaveLength(3);
  // who is behind the other in the stack is the culprit, whichever that is
  const pair = [state.tasks.left, state.tasks.right].map((t) => t?.returns);
  expect(pair.toSorted()).toEqual([0, 1]);
  expect(state.tasks.solo).toMatchObject({ attempts: 1, returns: 0 });
  const landings = run.landings();
  expect(landings).toHaveLength(3);
  expect(run.merged("list.txt")).toBe(WHOLE.trim());
});

test("landings of one batch pass their audit, and an inner one is verified by the last of them", async () => {
  const run = await factory.start({
    tasks: [task("one"), task("two"), task("three")],
    script: [
      ...["one", "two", "three"].flatMap((id) => [codes(id, { [`${id}.txt`]: id }), approves(id)]),
      accepts({ r1: { file: "one.txt", quote: "one" } }),
    ],
  });
  await run.settled();
  await expectSound(run);
  const [first, , last] = run.landings();
  expect(first?.trailers["Headrace-Receipt"]).toMatch(/#1\/3 /);
  const audit = await headrace("audit", run.id);
  expect(audit, audit.out + audit.err).toMatchObject({ code: 0 });
  const verify = await headrace("verify", first?.commit ?? "");
  expect(verify, verify.out + verify.err).toMatchObject({ code: 0 });
  expect(verify.out).toContain("it is 1 of 3 landings that were verified together");
  const inner = await headrace("verify", first?.commit ?? "", "--json");
  expect(JSON.parse(inner.out)).toMatchObject({
    agrees: true,
    landing: { commit: first?.commit, part: { index: 1, of: 3 } },
    commit: last?.commit,
    base: run.base,
  });
});
