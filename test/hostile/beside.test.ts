import { monitorEventLoopDelay } from "node:perf_hooks";
import type { FactoryApi, StoredEvent } from "@headrace/domain";
import { expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import { accepts, approves, codes, task, writes } from "../support/script.ts";
import { HIDDEN_OOM, HOGS, type Hog, SMALL } from "./cases/x-hogs.ts";

const TEXT = "an honest piece of work\n";
const IDS = ["one", "two", "three", "four", "five", "six"];

/** Tasks in a row, so that every part of the line is waited for. */
const honest = () => ({
  tasks: IDS.map((id, n) => task(id, { blockedBy: n === 0 ? [] : [IDS[n - 1] ?? ""] })),
  script: [
    ...IDS.flatMap((id) => [codes(id, { [`${id}.txt`]: TEXT }), approves(id)]),
    accepts({ r1: { file: "one.txt", quote: TEXT.trim() } }),
  ],
});

/** By its own time limit each ends soon; the machine is to be full of them, not of waiting. */
const LIMIT_S = 2;

/** Its id in front, where the log of tools shows it; one that is to end its sandbox waits for that. */
const named = ({ id, command, ...one }: Hog): string =>
  `: ${id}; rm -f /tmp/* /dev/shm/*; ${command}${"lost" in one ? "; sleep 10" : ""}`;

const turnOf = (one: Hog) => ({
  calls: [{ bash: { command: named(one), timeout_s: "lost" in one ? 10 : LIMIT_S } }],
});

/** X17, as an agent can do it: many commands in one reply. */
const MANY_SMALL = {
  calls: Array.from({ length: 100 }, (_, n) => ({ bash: { command: `: X17; echo ${n}` } })),
};

const BLOCKED = { calls: [{ report_blocked: { reason: "took all there was" } }] };

/** A coder who does these, one after the other; what fills the disk ends an attempt, and the next goes on. */
const goesThrough = (task: string, hogs: readonly Hog[], ...end: Record<string, unknown>[]) => {
  const attempts: Record<string, unknown>[][] = [[]];
  for (const one of hogs) {
    attempts.at(-1)?.push(turnOf(one));
    if ("lost" in one && one.lost !== "the sandbox") attempts.push([]);
  }
  attempts.at(-1)?.push(...end);
  // an attempt that should have been ended says that it was not
  return attempts.map((turns, n) => ({
    ...{ role: "coder", task, attempt: n + 1 },
    turns: n + 1 < attempts.length ? [...turns, BLOCKED] : turns,
  }));
};

/** What is handed in at last, to a gate that takes all memory: X18. */
const HANDED_IN = {
  calls: [...writes({ "gate.txt": "x\n" }), { submit_change: { summary: "done" } }],
};

/** All of it in one sandbox after the other, from the `first` on. */
const greedy = (first: number) => ({
  limits: SMALL,
  test: HIDDEN_OOM,
  tasks: [task("hogs")],
  script: goesThrough(
    "hogs",
    [...HOGS.slice(first), ...HOGS.slice(0, first)],
    MANY_SMALL,
    HANDED_IN,
  ),
});

/** In fewer tasks than a plan may have at once. */
const PAIRS = HOGS.slice(0, HOGS.length / 2).map(
  (one, n) => [one, HOGS.at(-1 - n) ?? one] as const,
);

/** All of it at once, in more sandboxes than there are slots. */
const crowd = () => ({
  limits: SMALL,
  tasks: PAIRS.map(([{ id }]) => task(id.toLowerCase())),
  script: PAIRS.flatMap((pair) => goesThrough(pair[0].id.toLowerCase(), pair, BLOCKED)),
});

/** Which of the corpus had run by now, by what the run log says. */
const ranBy = (events: readonly StoredEvent[]): string[] =>
  events.flatMap((e) => {
    if (e.type === "tool.ran") return /X\d\d\w?/.exec(e.detail)?.[0] ?? [];
    if (e.type === "gate.finished") return /out of memory/.test(e.result.reason) ? "X18" : [];
    if (e.type !== "attempt.finished") return [];
    if (e.reason.startsWith("disk:")) return "X04";
    return e.reason.startsWith("inodes:") ? "X05" : [];
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

type Measure = { ms: number; loop: number };

/** An honest run to its end, with the delays of this process's event loop meanwhile. */
const timed = async (factory: TestFactory): Promise<Measure> => {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const run = await factory.start(honest());
  const { run: row } = await run.settled();
  delay.disable();
  expect(row.status, row.reasons.join()).toBe("complete");
  return { ms: millisecondsOf(await run.events()), loop: delay.percentile(99) / 1e6 };
};

/** Of as many honest runs as the corpus lasts: some of it costs them more, some less. */
const meanOf = (some: readonly Measure[]): number =>
  some.reduce((sum, { ms }) => sum + ms, 0) / some.length;

const p99 = (some: readonly number[]): number =>
  some.toSorted((a, b) => a - b)[Math.ceil(some.length * 0.99) - 1] ?? Number.NaN;

const cells = (first: string, ...rest: string[]): string =>
  [first.padEnd(56), ...rest.map((cell) => cell.padStart(16))].join("");

const line = (what: string, { ms, loop }: Measure): string =>
  cells(what, `${(ms / 1000).toFixed(1)} s`, `${loop.toFixed(0)} ms`);

/** Three runs that all want every processor get a third each, so no sharing is fairer than three times. */
const EVEN_SHARE = 3;
/** And the engine's own work, which has no share: a crowd has it make and remove containers all the time. */
const WITH_ENGINE = 4;
/** Honest runs that may pass before all of the corpus has run beside one of them. */
const MOST_RUNS = 8;

const ids = HOGS.map(({ id }) => id);
const CORPUS = [...ids, "X17", "X18"];

test.each([
  { what: "the whole corpus, one after the other", plans: [greedy(0)], ids: CORPUS, times: 2 },
  {
    what: "the whole corpus twice, from its start and from its middle",
    plans: [greedy(0), greedy(HOGS.length / 2)],
    ids: CORPUS,
    times: EVEN_SHARE,
  },
  {
    what: "two runs with more such tasks than there are slots",
    plans: [crowd(), crowd()],
    ids,
    times: WITH_ENGINE,
  },
])("an honest run beside $what ends within $times times its time alone", async (row) => {
  const late: number[] = [];
  await using factory = await openTestFactory({ between: { api: (api) => listenTo(api, late) } });
  // what a first run makes once, such as the environment, is not the measure
  await timed(factory);
  const alone = [await timed(factory), await timed(factory)];
  late.length = 0;
  const others = await Promise.all(row.plans.map((plan) => factory.start(plan)));
  for (const run of others)
    await run.until("an attempt", (s) => Object.values(s.tasks).some((t) => t.attempts > 0));
  const beside: Measure[] = [];
  let missing: string[];
  do {
    beside.push(await timed(factory));
    const ran = (await Promise.all(others.map((run) => run.events()))).flatMap(ranBy);
    missing = row.ids.filter((id) => !ran.includes(id));
  } while (missing.length > 0 && beside.length < MOST_RUNS);
  for (const { id } of others) await factory.control.cancel(id, "the measure is taken");
  const beats = `${late.length} heartbeats, p99 ${p99(late).toFixed(0)} ms late`;
  const table = [
    cells("", "time", "event loop p99"),
    ...alone.map((one) => line("alone", one)),
    ...beside.map((one) => line(row.what, one)),
    `${(meanOf(beside) / meanOf(alone)).toFixed(1)} times its time alone; beside it ran ${row.ids.filter((id) => !missing.includes(id)).join(" ")}; ${beats}`,
  ];
  process.stdout.write(`\n${table.join("\n")}\n`);
  expect(missing, "of the corpus was not beside it").toEqual([]);
  expect(meanOf(beside)).toBeLessThanOrEqual(row.times * meanOf(alone));
  for (const one of beside) expect(one.loop).toBeLessThan(1000);
  expect(late.length, "heartbeats").toBeGreaterThan(0);
  expect(p99(late)).toBeLessThan(1000);
});
