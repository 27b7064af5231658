import { describe, expect, test } from "vitest";
import { PlanProposal } from "./plan.ts";
import { checkPlan, type PlanContext } from "./plan-check.ts";
import { policyWith, proposalOf, RunLog, taskInput as task } from "./run-log-fixture.ts";

const SPEC = "Intro.\nIt adds two\nnumbers. It prints them.";
const listed = (...ids: string[]): PlanContext["listed"] =>
  ids.map((id) => ({ id, text: id, span: { from: 1, to: 1 }, source: "listed" }));
const context = (over: Partial<PlanContext> = {}): PlanContext => ({
  listed: listed("r1"),
  spec: SPEC,
  policy: policyWith(),
  tasks: {},
  ...over,
});

test("a plan in which everything is named and covered has no problem", () => {
  const plan = proposalOf([
    task("t1", { requirements: [] }),
    task("t2", { blockedBy: ["t1"] }),
    task("t3", { blockedBy: ["t1"], permits: ["lockfile", "gates:test", "path:docs/**"] }),
  ]);
  expect(checkPlan(plan, context())).toEqual([]);
  const anywhere = policyWith({ protected: ["**/.git/**"] });
  expect(checkPlan(plan, context({ policy: anywhere }))).toEqual([]);
});

describe("the first plan goes back to the planner", () => {
  const rows: [string, PlanProposal, Partial<PlanContext>, string[]][] = [
    [
      "two tasks with one id",
      proposalOf([task("t1"), task("t1")]),
      {},
      ["Task id t1 is used more than once: give every task an id of its own."],
    ],
    [
      "a task named as the factory names its own steps",
      proposalOf([task("end")]),
      {},
      ["Task id end is the factory's own word: give the task another id."],
    ],
    [
      "a blocker that does not exist",
      proposalOf([task("t1", { blockedBy: ["t9"] })]),
      {},
      [
        "Task t1 is blocked by t9, which is no task of this plan and has not landed: name an existing task or remove it.",
      ],
    ],
    [
      "a cycle, whose path is named",
      proposalOf([
        task("t0", { blockedBy: ["t1"] }),
        task("t1", { blockedBy: ["t2"] }),
        task("t2", { blockedBy: ["t3"] }),
        task("t3", { blockedBy: ["t1"] }),
      ]),
      {},
      [
        "Tasks wait for each other in a cycle, t1 -> t2 -> t3 -> t1 (each is blocked by the next): remove one of these blockers.",
      ],
    ],
    [
      "a requirement without a task and one that nobody knows",
      proposalOf([task("t1", { requirements: ["r1", "r9"] })]),
      { listed: listed("r1", "r2") },
      [
        "Task t1 names requirement r9, which does not exist: use r1, r2.",
        "Requirement r2 is covered by no task: name it in the task that meets it.",
      ],
    ],
    [
      "a task that serves nothing and blocks nothing useful",
      proposalOf([task("t1"), task("t2", { requirements: [], blockedBy: ["t1"] })]),
      {},
      [
        "Task t2 serves no requirement and blocks no task that does: name its requirement or remove the task.",
      ],
    ],
    [
      "no requirement where the spec lists none",
      proposalOf([task("t1", { requirements: [] })]),
      { listed: [] },
      [
        "The spec lists no requirements: propose them, each with a sentence quoted from it.",
        "Task t1 serves no requirement and blocks no task that does: name its requirement or remove the task.",
      ],
    ],
    [
      "a quote that is not in the spec",
      proposalOf([task("t1")], {
        requirements: [{ id: "r1", text: "Adds", quote: "It adds three numbers." }],
      }),
      { listed: [] },
      [
        "The quote of requirement r1 does not stand in the spec: copy one sentence of it word for word.",
      ],
    ],
    [
      "proposed requirements where the spec lists them",
      proposalOf([task("t1")], {
        requirements: [{ id: "r2", text: "Prints", quote: "It prints them." }],
      }),
      {},
      ["The requirements are already fixed (r1): remove the proposed r2."],
    ],
    [
      "a permit for a gate that does not exist",
      proposalOf([task("t1", { permits: ["gates:lint"] })]),
      {},
      ["Task t1 permits gates:lint, but no gate has that name: use one of test."],
    ],
    [
      "a permit that would open a protected file",
      proposalOf([task("t1", { permits: ["path:.github/**"] })]),
      {},
      [
        "Task t1 permits path:.github/**, which reaches the protected .github/workflows/**: name a narrower path; protected files stay as they are.",
      ],
    ],
    [
      "a permit that names what is protected anywhere",
      proposalOf([task("t1", { permits: ["path:lib/.git/config"] })]),
      { policy: policyWith({ protected: ["**/.git/**"] }) },
      [
        "Task t1 permits path:lib/.git/config, which reaches the protected **/.git/**: name a narrower path; protected files stay as they are.",
      ],
    ],
    [
      "a permit that is no glob",
      proposalOf([task("t1", { permits: ["path:../x"] })]),
      {},
      ["Task t1 permits path:../x, which contains `.` or `..` as a folder."],
    ],
    [
      "no gate anywhere",
      proposalOf([task("t1")]),
      { policy: policyWith({ gates: [], from: { gates: "none", setup: "none" } }) },
      [
        "No gate will apply at the end, so nothing could be verified: propose at least one gate whose command tests the work.",
      ],
    ],
    [
      "a gate that starts from no task",
      proposalOf([task("t1")], {
        gates: [
          { name: "test", run: "npm test", from: "t7" },
          { name: "lint", run: "npm run lint" },
        ],
      }),
      { policy: policyWith({ gates: [], from: { gates: "none", setup: "none" } }) },
      [
        "Gate test starts from task t7, which is no task of this plan: name the task after which it can pass.",
      ],
    ],
    [
      "two gates with one name",
      proposalOf([task("t1")], {
        gates: [
          { name: "test", run: "npm test" },
          { name: "test", run: "npm run lint" },
        ],
      }),
      { policy: policyWith({ gates: [], from: { gates: "none", setup: "none" } }) },
      ["Gate name test is used more than once: give every gate a name of its own."],
    ],
    [
      "more tasks at once than can be merged in peace",
      proposalOf(Array.from({ length: 17 }, (_, i) => task(`t${i}`))),
      {},
      [
        "17 tasks could run at once (t0, t1, t2, t3, t4, ...), at most 16 are allowed: join tasks or order them with blockedBy.",
      ],
    ],
  ];
  test.each(rows)("for %s", (_name, plan, over, problems) => {
    expect(checkPlan(plan, context(over))).toEqual(problems);
  });

  test("a planner that names a task constructor is stopped by the schema", () => {
    expect(PlanProposal.safeParse({ summary: "s", tasks: [task("constructor")] }).success).toBe(
      false,
    );
  });
});

describe("a later version", () => {
  const log = () =>
    new RunLog()
      .plan(1, [
        task("t1"),
        task("t2", { blockedBy: ["t1"] }),
        task("t3", { blockedBy: ["t2"] }),
        task("t4"),
      ])
      .land("t1")
      .start("t2")
      .quarantine("t2");
  const again = () => context({ tasks: log().state.tasks });

  test("may leave landed tasks out, wait for them, and count what they cover", () => {
    const plan = proposalOf([task("t5", { blockedBy: ["t1"] }), task("t4")]);
    expect(checkPlan(plan, again())).toEqual([]);
  });

  test("has 120 tasks with all versions before it at most, whoever has agreed to it", () => {
    const sixty = (name: string) =>
      Array.from({ length: 60 }, (_, i) =>
        task(`${name}${i}`, { blockedBy: i === 0 ? [] : [`${name}${i - 1}`] }),
      );
    const { tasks } = new RunLog().plan(1, sixty("a")).plan(2, sixty("b")).state;
    const next = (...more: string[]) =>
      proposalOf([...sixty("b").slice(0, 59), ...more.map((id) => task(id))]);
    expect(checkPlan(next(), context({ tasks }))).toEqual([]);
    expect(checkPlan(next("c1"), context({ tasks })).join()).toContain("121 tasks, at most 120");
    expect(() => proposalOf([...sixty("c"), task("d")])).toThrow();
  });

  test("may repeat a landed task unchanged", () => {
    const plan = proposalOf([task("t1"), task("t5", { blockedBy: ["t1"] })]);
    expect(checkPlan(plan, again())).toEqual([]);
  });

  test("may not change a landed task", () => {
    const plan = proposalOf([task("t1", { title: "Another" }), task("t5")]);
    expect(checkPlan(plan, again())).toEqual([
      "Task t1 has landed: leave it out, or repeat it unchanged and put what is missing into a new task.",
    ]);
  });

  test("may not use the id of a quarantined task again, nor wait for one", () => {
    const plan = proposalOf([task("t2"), task("t3", { blockedBy: ["t9"] })]);
    expect(checkPlan(plan, again())).toEqual([
      "Task t2 was quarantined in an earlier version: describe the work under a new id.",
      "Task t3 is blocked by t9, which is no task of this plan and has not landed: name an existing task or remove it.",
    ]);
  });

  test("may change a task that has not started", () => {
    expect(checkPlan(proposalOf([task("t4", { title: "Another" })]), again())).toEqual([]);
  });

  test("may not change a task that is being built", () => {
    const tasks = log().start("t4").state.tasks;
    const plan = proposalOf([task("t4", { title: "Another" })]);
    expect(checkPlan(plan, context({ tasks }))).toEqual([
      "Task t4 is being built: repeat it unchanged, or leave it out to drop it.",
    ]);
  });

  test("must have something left to do", () => {
    expect(checkPlan(proposalOf([task("t1")]), again())).toEqual([
      "Every task of this version has already landed: add tasks for what is unmet.",
    ]);
  });

  test("must give what was found unmet a task that is still to be built", () => {
    const unmet = { ...again(), unmet: ["r1"] };
    expect(checkPlan(proposalOf([task("t5", { requirements: ["r1"] })]), unmet)).toEqual([]);
    expect(checkPlan(proposalOf([task("t1", { requirements: ["r1"] })]), unmet)).toContain(
      "Requirement r1 was found unmet after its tasks had landed: give it a task that is still to be built.",
    );
  });

  test("must keep a task from which the only gate starts", () => {
    const gates = [{ name: "test", run: "npm test", timeoutS: 60, from: "t2" }];
    const policy = policyWith({ gates, from: { gates: "plan", setup: "plan" } });
    expect(checkPlan(proposalOf([task("t5")]), { ...again(), policy })).toEqual([
      "No gate would apply at the end: keep the task from which a gate starts.",
    ]);
  });
});

test("a task that no gate applies to yet must wait for one that brings a gate", () => {
  const gates = [{ name: "test", run: "npm test", timeoutS: 60, from: "t1" }];
  const policy = policyWith({ gates, from: { gates: "spec", setup: "none" } });
  const waits = proposalOf([task("t1"), task("t2", { blockedBy: ["t1"] })]);
  expect(checkPlan(waits, context({ policy }))).toEqual([]);
  expect(checkPlan(proposalOf([task("t1"), task("t2")]), context({ policy }))).toEqual([
    "No gate applies yet when task t2 is verified, so it could never land: let it wait for a task that a gate starts from.",
  ]);
});
