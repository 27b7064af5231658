import { monitorEventLoopDelay } from "node:perf_hooks";
import type { FactoryApi, StoredEvent } from "@headrace/domain";
import { expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { HOGS } from "./cases/x-hogs.ts";

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

/** A coder who does what the X corpus does, one command after the other; each ends by its time limit at the latest. */
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
  script: [
    goesThrough(
      "greedy",
      HOGS.map(({ command }) => command),
    ),
  ],
});

/** In fewer tasks than a plan may have at once. */
const PAIRS = HOGS.slice(0, HOGS.length / 2).map(
  (one, n) => [one, HOGS.at(-1 - n) ?? one] as const,
);

/** All of it at once, in more sandboxes than there are slots. */
const crowd = () => ({
  tasks: PAIRS.map(([{ id }]) => task(id.toLowerCase())),
  script: PAIRS.map((pair) =>
    goesThrough(
      pair[0].id.toLowerCase(),
      pair.map(({ command }) => command),
    ),
  ),
});

const millisecondsOf = (events: readonly StoredEvent[]): number => {
  const at = (type: StoredEvent["type"]) =>
    Date.parse(events.find((e) => e.type === type)?.at ?? "");
  return at("run.completed") - at("run.submitted");
};

/** A worker renews its claims every so often. */
const BEAT_MS = 3_000;

/** How late the renewals of claims were answered, of whatever run: they keep the same time in the same process. */
const listenTo = (api: FactoryApi, late: number[]): FactoryApi => {
  const heard = new Map<string, number>();
  const claimed: FactoryApi["claim"] = async (run, step, worker) => {
    const reply = await api.claim(run, step, worker);
    heard.set(step, performance.now());
    return reply;
  };
  const renewed: FactoryApi["renew"] = async (fence) => {
    const answer = await api.renew(fence);
    const now = performance.now();
    late.push(now - (heard.get(fence.step) ?? now) - BEAT_MS);
    heard.set(fence.step, now);
    return answer;
  };
  return new Proxy(api, {
    get(target, name: keyof FactoryApi) {
      if (name === "claim") return claimed;
      return name === "renew" ? renewed : target[name].bind(target);
    },
  });
};

type Measure = { ms: number; loop: number; beats: number; late: number };

/** An honest run to its end, with the delays of this process's event loop and of its heartbeats meanwhile. */
const timed = async (factory: TestFactory, late: number[]): Promise<Measure> => {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  late.length = 0;
  delay.enable();
  const run = await factory.start(honest());
  const { run: row } = await run.settled();
  delay.disable();
  expect(row.status, row.reasons.join()).toBe("complete");
  const ms = millisecondsOf(await run.events());
  return { ms, loop: delay.percentile(99) / 1e6, beats: late.length, late: Math.max(0, ...late) };
};

const cells = (first: string, ...rest: string[]): string =>
  [first.padEnd(56), ...rest.map((cell) => cell.padStart(16))].join("");

const line = (what: string, { ms, loop, beats, late }: Measure): string =>
  cells(
    what,
    `${(ms / 1000).toFixed(1)} s`,
    `${loop.toFixed(0)} ms`,
    `${beats}`,
    `${late.toFixed(0)} ms`,
  );

/** Three runs that all want every processor get a third each, so no sharing is fairer than three times. */
const EVEN_SHARE = 3;

test.each([
  ["two runs whose agents take all they can get", greedy, 2],
  ["two runs with more such tasks than there are slots", crowd, EVEN_SHARE],
])("an honest run beside %s ends within a few times its time alone", async (what, plan, times) => {
  const late: number[] = [];
  await using factory = await openTestFactory({ between: { api: (api) => listenTo(api, late) } });
  // what a first run makes once, such as the environment, is not the measure
  await timed(factory, late);
  const alone = await timed(factory, late);
  const others = [await factory.start(plan()), await factory.start(plan())];
  for (const run of others)
    await run.until("an attempt", (s) => Object.values(s.tasks).some((t) => t.attempts > 0));
  const beside = await timed(factory, late);
  const states = await Promise.all(others.map((run) => run.state()));
  for (const { id } of others) await factory.control.cancel(id, "the measure is taken");
  const table = [
    cells("", "time", "event loop p99", "heartbeats", "latest by"),
    line("alone", alone),
    line(what, beside),
  ];
  process.stdout.write(`\n${table.join("\n")}\n`);
  expect(
    states.some((s) => s.run.status === "active"),
    "nothing was beside it",
  ).toBe(true);
  expect(beside.ms).toBeLessThanOrEqual(times * alone.ms);
  expect(beside.loop).toBeLessThan(1000);
  expect(beside.late).toBeLessThan(1000);
});
