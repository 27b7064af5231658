import { createEgress } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { TestRun } from "../support/factory-run.ts";
import { addsPart, makesOneList, ONE_PART } from "../support/red-together.ts";
import { accepts, approves, codes, merges, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

/** Landings wait until nothing is being built, so that every change meets what landed before it. */
const closing = new AsyncDisposableStack();
let factory: TestFactory;
beforeAll(async () => {
  const egress = closing.use(createEgress({ registries: [] }));
  factory = await openTestFactory({
    egress,
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
  closing.use(factory);
});
afterAll(() => closing.disposeAsync());

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
const rungsOf = async (run: TestRun) =>
  (await run.events()).flatMap((e) => (e.type === "merge.conflicted" ? [e.rung] : []));

describe.concurrent("two tasks that edit the same line", () => {
  test("are foretold, and joined by the author of the later one, who is shown both sides", async () => {
    const sides = ["What landed in the files with conflicts", "+left was here", "+right was here"];
    const run = await factory.start({
      files: { "list.txt": "empty\n" },
      tasks,
      script: [
        ...clash,
        ...either((id) => codes(id, { "list.txt": BOTH }, { attempt: 2, contains: sides })),
        ...either((id) => approves(id, { attempt: 2 })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const events = await run.events();
    const foretold = events.filter((e) => e.type === "conflict.predicted");
    expect(foretold).toMatchObject([{ files: ["list.txt"] }]);
    const [first = "", second = ""] = await orderOf(run);
    expect(state.tasks[first]).toMatchObject({ attempts: 1, returns: 0 });
    expect(state.tasks[second]).toMatchObject({ attempts: 2, returns: 1, rungs: ["author"] });
    const [landing] = events.filter((e) => e.type === "merge.landed");
    expect(foretold[0]?.seq).toBeLessThan(landing?.seq ?? 0);
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });

  test("are not joined by an author who drops what landed: the lines are named", async () => {
    const dropped = "has lost what landed before: ";
    const run = await factory.start({
      files: { "list.txt": "empty\n" },
      tasks,
      script: [
        ...clash,
        ...either((id) => codes(id, { "list.txt": `${id} was here\n` }, { attempt: 2 })),
        ...either((id) => codes(id, { "list.txt": BOTH }, { attempt: 3, contains: dropped })),
        ...either((id) => approves(id, { attempt: 3 })),
        ACCEPTED,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    const [, second = ""] = await orderOf(run);
    expect(state.tasks[second]).toMatchObject({ attempts: 3, returns: 1 });
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });
});

describe.concurrent("three tasks that edit the same line", () => {
  const three = [...tasks, task("solo")];
  const each = (part: (id: string) => ReturnType<typeof codes>) => three.map((t) => part(t.id));
  /** Whoever is second lands what it made of two sides; the third meets that with its own. */
  const twice = [
    ...each((id) => codes(id, { "list.txt": `${id} was here\n` })),
    ...each((id) => approves(id)),
    ...each((id) =>
      codes(id, { "list.txt": `${id} after left, right and solo\n` }, { attempt: 2 }),
    ),
    ...each((id) => approves(id, { attempt: 2 })),
  ];
  const ALL = "left, right and solo after left, right and solo, all of them\n";
  const accepted = accepts({ r1: { file: "list.txt", quote: ALL.trim() } });

  test("come to the merger, whose result is verified and lands", async () => {
    const run = await factory.start({
      files: { "list.txt": "empty\n" },
      merge: { batch: 1 },
      tasks: three,
      script: [
        ...twice,
        ...each((id) => merges(id, { "list.txt": ALL }, { attempt: 2, contains: "after" })),
        accepted,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    expect(await rungsOf(run)).toEqual(["author", "author", "merger"]);
    const [, , third = ""] = await orderOf(run);
    expect(state.tasks[third]).toMatchObject({ attempts: 2, rungs: ["author", "merger"] });
    const mergers = (await run.requests()).filter((r) => r.user?.includes(".merger."));
    expect(mergers.map((r) => r.user)).toEqual([`hr1.${run.id}.${third}.merger.2.1`]);
    const verified = state.steps[`${run.id}-${third}-verify-landing-2-1`]?.result;
    expect(verified?.kind === "verify" && verified.receipt.id).toBe(
      state.tasks[third]?.landing?.receipt,
    );
    expect(run.merged("list.txt")).toBe(ALL.trim());
  });

  const marked = "<<<<<<< ours\nleft\n=======\nright\n>>>>>>> theirs\n";
  test.each<[string, (id: string) => ReturnType<typeof codes>, RegExp]>([
    [
      "touches another file",
      (id) => merges(id, { "list.txt": ALL, "other.txt": "mine\n" }, { attempt: 2 }),
      /the resolution was refused: other\.txt was not in conflict/,
    ],
    [
      "drops what landed",
      (id) => merges(id, { "list.txt": "nothing\n" }, { attempt: 2 }),
      /the resolution was refused: list\.txt has lost what landed before: /,
    ],
    [
      "gives up with markers in the file",
      (id) => ({
        role: "merger",
        task: id,
        attempt: 2,
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
      }),
      /the merge was not resolved/,
    ],
  ])("are done anew on what has landed when the merger %s", async (_, merger, reason) => {
    const anew = ["Work that is done anew", "after left, right and solo"];
    const run = await factory.start({
      files: { "list.txt": "empty\n", "other.txt": "untouched\n" },
      merge: { batch: 1 },
      tasks: three,
      script: [
        ...twice,
        ...each(merger),
        ...each((id) => codes(id, { "list.txt": ALL }, { attempt: 3, contains: anew })),
        ...each((id) => approves(id, { attempt: 3 })),
        accepted,
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    expect(await rungsOf(run)).toEqual(["author", "author", "merger", "rewrite"]);
    const [, , third = ""] = await orderOf(run);
    expect(state.tasks[third]).toMatchObject({ attempts: 3, returns: 2, status: "landed" });
    const returned = (await run.events()).filter((e) => e.type === "task.returned");
    expect(returned.at(-1)).toMatchObject({ task: third, rung: "rewrite" });
    expect(returned.at(-1)?.type === "task.returned" && returned.at(-1)).toMatchObject({
      reason: expect.stringMatching(reason),
    });
    expect(run.merged("list.txt")).toBe(ALL.trim());
    expect(run.merged("other.txt")).toBe("untouched");
  });
});

const lockOf = (...names: string[]) => {
  const entries = [
    ["", { name: "app", version: "1.0.0", workspaces: ["packages/*"] }],
    ...names.map((n) => [`node_modules/${n}`, { resolved: `packages/${n}`, link: true }]),
    ...names.map((n) => [`packages/${n}`, { version: "1.0.0" }]),
  ];
  const lock = { name: "app", version: "1.0.0", lockfileVersion: 3, requires: true };
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`;
};
const manifest = (name: string) => `${JSON.stringify({ name, version: "1.0.0" })}\n`;

describe.concurrent("what no model is asked about", () => {
  test("is a declared list to which both added lines: all of them land, in one batch", async () => {
    const run = await factory.start({
      files: { "CHANGES.md": "# Changes\n" },
      merge: { batch: 5, union: ["CHANGES.md"] },
      tasks,
      script: [
        ...either((id) => codes(id, { "CHANGES.md": `# Changes\n- made ${id} today\n` })),
        ...either((id) => approves(id)),
        accepts({ r1: { file: "CHANGES.md", quote: "- made left today" } }),
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    expect(await rungsOf(run)).toEqual([]);
    const lines = run.merged("CHANGES.md").split("\n").toSorted();
    expect(lines).toEqual(["# Changes", "- made left today", "- made right today"]);
    expect(Object.values(state.tasks).map((row) => row.landing?.part?.of)).toEqual([2, 2]);
  });

  test("is a lockfile: the package manager writes it again from the merged manifests", async () => {
    const npm = "npm install --package-lock-only --ignore-scripts --no-audit --no-fund";
    const whole = `node -e '
      const { readFileSync, readdirSync } = require("fs");
      const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
      for (const name of readdirSync("packages"))
        if (!lock.packages["packages/" + name]) process.exit(1);
    '\n`;
    const run = await factory.start({
      files: {
        "package.json": '{ "name": "app", "version": "1.0.0", "workspaces": ["packages/*"] }\n',
        "package-lock.json": lockOf("base"),
        "packages/base/package.json": manifest("base"),
        "checks/whole.sh": whole,
      },
      tasks: tasks.map((one) => ({ ...one, permits: ["lockfile"] })),
      script: [
        ...either((id) => ({
          role: "coder",
          task: id,
          turns: [
            {
              calls: [
                { write: { path: `packages/${id}/package.json`, content: manifest(id) } },
                { bash: { command: npm } },
                { submit_change: { summary: `adds ${id}` } },
              ],
            },
          ],
        })),
        ...either((id) => approves(id)),
        accepts({ r1: { file: "package-lock.json", quote: '"packages/left": {' } }),
      ],
    });
    await run.settled();
    const state = await expectSound(run);
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    expect(await rungsOf(run)).toEqual(["lockfile"]);
    expect(Object.values(state.tasks).map((row) => row.attempts)).toEqual([1, 1]);
    expect(JSON.parse(run.merged("package-lock.json"))).toEqual(
      JSON.parse(lockOf("base", "left", "right")),
    );
  });
});

describe.concurrent("two changes that are green alone and red together", () => {
  test("land one after the other: the second goes back with the evidence", async () => {
    const run = await factory.start({
      files: ONE_PART,
      tasks,
      script: [
        addsPart("left"),
        addsPart("right"),
        approves("left"),
        approves("right"),
        ...either((id) => makesOneList(id, BOTH)),
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
    const red = state.receipts[state.tasks[second]?.returned?.receipt ?? ""];
    expect(red?.results).toMatchObject([{ verdict: "fail" }]);
    expect(run.merged("list.txt")).toBe(BOTH.trim());
  });
});
