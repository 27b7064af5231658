import { monitorEventLoopDelay } from "node:perf_hooks";
import type { StoredEvent } from "@headrace/domain";
import { expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, codes, task } from "../support/script.ts";

const TEXT = "an honest piece of work\n";
const IDS = ["one", "two", "three"];

/** Three tasks in a row, so that every part of the line is waited for. */
const honest = () => ({
  tasks: IDS.map((id, n) => task(id, { blockedBy: n === 0 ? [] : [IDS[n - 1] ?? ""] })),
  script: [
    ...IDS.flatMap((id) => [codes(id, { [`${id}.txt`]: TEXT }), approves(id)]),
    accepts({ r1: { file: "one.txt", quote: TEXT.trim() } }),
  ],
});

/** What takes all it can get, as the X corpus does; each ends by its own time limit. */
const HOGS: Readonly<Record<string, string>> = {
  forks: "bash -c ':(){ :|:& };:'; sleep 60",
  memory: "python3 -c 'a = []\nwhile True: a.append(bytearray(10_000_000))'",
  spin: "for i in $(seq 1 20); do while :; do :; done & done; wait",
  flood: "yes",
  disk: "head -c 900000000 /dev/zero > x; head -c 900000000 /dev/zero > y",
  inodes: "mkdir d; seq 1 200000 | sed s,^,d/, | xargs touch",
  line: "head -c 1000000000 /dev/zero | tr '\\0' x",
  daemons: "for i in 1 2 3; do (setsid sh -c 'while :; do :; done' &); done; sleep 60",
};

/** A coder who goes through all of it, one after the other. */
const goesThrough = (id: string, commands: readonly string[]) => ({
  role: "coder",
  task: id,
  turns: [
    ...commands.map((command) => ({ calls: [{ bash: { command, timeout_s: 10 } }] })),
    { calls: [{ report_blocked: { reason: "took all there was" } }] },
  ],
});

/** All of it in one sandbox after the other. */
const greedy = () => ({
  tasks: [task("greedy")],
  script: [goesThrough("greedy", Object.values(HOGS))],
});

/** All of it at once, in more sandboxes than there are slots. */
const crowd = () => ({
  tasks: Object.keys(HOGS).map((id) => task(id)),
  script: Object.entries(HOGS).map(([id, command]) => goesThrough(id, [command, command])),
});

const millisecondsOf = (events: readonly StoredEvent[]): number => {
  const at = (type: StoredEvent["type"]) =>
    Date.parse(events.find((e) => e.type === type)?.at ?? "");
  return at("run.completed") - at("run.submitted");
};

/** An honest run to its end, with the delays of this process's event loop meanwhile. */
const timed = async (factory: TestFactory) => {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const run = await factory.start(honest());
  const { run: row } = await run.settled();
  delay.disable();
  expect(row.status, row.reasons.join()).toBe("complete");
  return { ms: millisecondsOf(await run.events()), p99: delay.percentile(99) / 1e6 };
};

const line = (what: string, { ms, p99 }: { ms: number; p99: number }): string =>
  `${what.padEnd(56)}${(ms / 1000).toFixed(1).padStart(8)} s${p99.toFixed(0).padStart(8)} ms`;

test.each([
  ["two runs whose agents take all they can get", greedy],
  ["two runs with more such tasks than there are slots", crowd],
])("an honest run beside %s ends within twice its time alone", async (what, plan) => {
  await using factory = await openTestFactory();
  // what a first run makes once, such as the environment, is not the measure
  await timed(factory);
  const alone = await timed(factory);
  const others = [await factory.start(plan()), await factory.start(plan())];
  for (const run of others)
    await run.until("an attempt", (s) => Object.values(s.tasks).some((t) => t.attempts > 0));
  const beside = await timed(factory);
  const states = await Promise.all(others.map((run) => run.state()));
  for (const { id } of others) await factory.control.cancel(id, "the measure is taken");
  const table = [
    `${"".padEnd(56)}    time   event loop p99`,
    line("alone", alone),
    line(what, beside),
  ];
  process.stdout.write(`\n${table.join("\n")}\n`);
  expect(
    states.some((s) => s.run.status === "active"),
    "nothing was beside it",
  ).toBe(true);
  expect(beside.ms).toBeLessThanOrEqual(2 * alone.ms);
  expect(beside.p99).toBeLessThan(1000);
});
