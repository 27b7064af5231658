import { exitCode } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, blocked, codes, judges, plans, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory({ limits: { attempts: 2 } });
});
afterAll(() => factory[Symbol.asyncDispose]());

const SOLO = "the solo part stands\n";
const MENDED = "the mended part stands\n";
const solo = [codes("solo", { "solo.txt": SOLO }), approves("solo")];
const SOLO_QUOTE = { file: "solo.txt", quote: SOLO.trim() };
const RED = { "checks/x.sh": "echo never green; exit 1\n" };
/** `bad` is never green, `after` needs it, `solo` needs nobody. */
const tasks = [task("bad"), task("after", { blockedBy: ["bad"] }), task("solo")];
const bad = [codes("bad", RED), codes("bad", { "bad.txt": "again\n" }, { attempt: 2 })];
const replacement = { summary: "Another way.", tasks: [task("mended")] };

describe.concurrent("a task that uses up its attempts", () => {
  test("is set aside while the rest lands, and the planner's one new version completes the run", async () => {
    const run = await factory.start({
      tasks,
      script: [
        ...bad,
        ...solo,
        plans(replacement, { attempt: 2, contains: ["bad (quarantined)", "after (blocked)"] }),
        approves("plan", { attempt: 2 }),
        codes("mended", { "mended.txt": MENDED }),
        approves("mended"),
        accepts({ r1: { file: "mended.txt", quote: MENDED.trim() } }, 2),
      ],
    });
    const settled = await run.settled();
    expect(exitCode(settled)).toBe(0);
    const state = await expectSound(run);
    expect(state.tasks).toMatchObject({
      bad: { status: "quarantined", attempts: 2, plan: 1 },
      after: { status: "dropped", attempts: 0 },
      solo: { status: "landed", attempts: 1 },
      mended: { status: "landed", plan: 2 },
    });
    expect(state.tasks.bad?.reason).toContain("2 attempts used");
    expect(run.landings()).toHaveLength(2);
    const asked = (await run.requests()).filter((r) => r.user?.includes(".plan.planner."));
    expect(asked.map((r) => r.user)).toEqual([`hr1.${run.id}.plan.planner.2.1`]);
    const quarantined = state.run.exported[`refs/heads/headrace/${run.id}/tasks/bad-make-bad`];
    expect(quarantined).toBe(state.tasks.bad?.workingChange);
  });

  test("ends the run incomplete with the reasons when the new version fails as well", async () => {
    const run = await factory.start({
      tasks,
      script: [
        ...bad,
        ...solo,
        plans(replacement, { attempt: 2 }),
        approves("plan", { attempt: 2 }),
        codes("mended", RED),
        codes("mended", { "mended.txt": "still red\n" }, { attempt: 2 }),
        judges([{ requirement: "r1", met: false, reason: "bad is not there" }], 2),
      ],
    });
    const settled = await run.settled();
    expect(exitCode(settled)).toBe(3);
    const state = await expectSound(run);
    expect(state.run.status).toBe("incomplete");
    const reasons = state.run.reasons.join("\n");
    expect(reasons).toContain("requirement r1 is not met: bad is not there");
    expect(reasons).toContain("task bad is quarantined: 2 attempts used");
    expect(reasons).toContain("task mended is quarantined: 2 attempts used");
    expect(run.landings().map((l) => l.trailers["Headrace-Task"])).toEqual(["solo"]);
    expect(run.merged("solo.txt")).toBe(SOLO.trim());
  });
});

test("a planner's question holds the run until it is answered, and no round is lost by it", async () => {
  const question = "Which of the two?";
  const run = await factory.start({
    script: [
      {
        role: "planner",
        task: "plan",
        turns: [{ calls: [{ report_blocked: { reason: "the spec names two", question } }] }],
      },
      plans(
        { summary: "The first one.", tasks: [task("solo")] },
        {
          conversation: 2,
          contains: [question, "The first."],
        },
      ),
      approves("plan"),
      ...solo,
      accepts({ r1: SOLO_QUOTE }),
    ],
  });
  const waiting = await run.until("the question", (s) => exitCode(s) === 5);
  expect(waiting.questions["plan-q1-1"]).toMatchObject({ text: question });
  await factory.control.answer(run.id, "plan-q1-1", "The first.");
  await run.until("complete", (s) => s.run.status === "complete");
  await run.settled();
  const state = await expectSound(run);
  expect(state.plans[1]).toMatchObject({ status: "accepted", proposedRound: 1 });
});

describe.concurrent("a coder who cannot go on", () => {
  test("asks a person: its task waits, all else goes on, and the answer continues the same attempt", async () => {
    const question = "Tabs or spaces?";
    const run = await factory.start({
      tasks: [task("ask"), task("solo")],
      script: [
        ...solo,
        blocked(
          "ask",
          { reason: "the spec is silent", question },
          { files: { "ask.txt": "begun\n" } },
        ),
        codes(
          "ask",
          { "more.txt": "with tabs\n" },
          { conversation: 2, contains: [question, "Tabs."] },
        ),
        approves("ask"),
        accepts({ r1: SOLO_QUOTE }),
      ],
    });
    const waiting = await run.until("the question alone is left", (s) => exitCode(s) === 5);
    expect(waiting.tasks).toMatchObject({
      ask: { status: "waiting", attempts: 1 },
      solo: { status: "landed" },
    });
    const [asked] = Object.values(waiting.questions);
    expect(asked).toMatchObject({ task: "ask", text: question, reason: "the spec is silent" });
    await factory.control.answer(run.id, asked?.id ?? "", "Tabs.");
    await run.until("complete", (s) => s.run.status === "complete");
    await run.settled();
    const state = await expectSound(run);
    expect(state.tasks.ask).toMatchObject({ status: "landed", attempts: 1 });
    expect([run.merged("ask.txt"), run.merged("more.txt")]).toEqual(["begun", "with tabs"]);
    const users = (await run.requests())
      .map((r) => r.user)
      .filter((u) => u?.includes(".ask.coder."));
    expect(users).toEqual([`hr1.${run.id}.ask.coder.1.1`, `hr1.${run.id}.ask.coder.1.2`]);
  });

  test("without a question is set aside at once, and no attempt is charged", async () => {
    const run = await factory.start({
      tasks: [task("stuck"), task("solo")],
      script: [
        ...solo,
        blocked("stuck", { reason: "there is no such protocol" }),
        plans({ summary: "Do without.", tasks: [task("mended")] }, { attempt: 2 }),
        approves("plan", { attempt: 2 }),
        codes("mended", { "mended.txt": MENDED }),
        approves("mended"),
        accepts({ r1: SOLO_QUOTE }, 2),
      ],
    });
    const settled = await run.settled();
    expect(exitCode(settled)).toBe(0);
    const state = await expectSound(run);
    expect(state.tasks.stuck).toMatchObject({
      status: "quarantined",
      reason: "blocked: there is no such protocol",
    });
    const charged = (await run.events()).filter(
      (e) => e.type === "attempt.finished" && e.task === "stuck",
    );
    expect(charged).toEqual([]);
    expect((await run.requests()).filter((r) => r.user?.includes(".stuck."))).toHaveLength(1);
  });
});

test("a reviewer's question waits for a person, and the review goes on with the answer", async () => {
  const question = "May the file end without a line break?";
  const run = await factory.start({
    tasks: [task("ask")],
    script: [
      codes("ask", { "solo.txt": SOLO }),
      {
        role: "reviewer",
        task: "ask",
        turns: [{ calls: [{ report_blocked: { reason: "the spec is silent", question } }] }],
      },
      approves("ask", { conversation: 2, contains: [question, "It may."] }),
      accepts({ r1: SOLO_QUOTE }),
    ],
  });
  const waiting = await run.until("the question", (s) => exitCode(s) === 5);
  expect(waiting.tasks.ask).toMatchObject({ status: "waiting", attempts: 1 });
  await factory.control.answer(run.id, "ask-q-review-1", "It may.");
  const state = await run.until("the landing", (s) => s.tasks.ask?.status === "landed");
  expect(state.tasks.ask).toMatchObject({ attempts: 1 });
  await run.settled();
});
