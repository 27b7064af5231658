import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUsd, integrationBranch, sumKinds, toUsd } from "@headrace/domain";
import { type SeenRequest, type SimulatorOptions, startSimulator } from "@headrace/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { DEMO_SCRIPT, demoRun } from "../../scripts/demo/hand-in.mjs";
import { git, type TempDir, tempDir } from "../support/git.ts";
import { openShell, type Shell } from "../support/shell.ts";

/** A run of the demo alone takes less than a minute; on a busy machine with rests of half a minute it takes several. */
const BOUND_MS = 15 * 60_000;

const Row = z.object({ attempts: z.number(), status: z.string() });
const Status = z.object({
  run: z.object({ status: z.string(), spent: z.number() }),
  tasks: z.record(z.string(), Row),
});
const Kinds = z.record(z.string(), z.number());
const Spend = z.object({
  ...{ settled: z.number(), converted: z.number(), inFlight: z.number() },
  ...{ overhead: Kinds, waste: Kinds },
});

/** A person with a key before the demo; the simulator is their provider, and its record is this test's. */
type Demo = AsyncDisposable & {
  shell: Shell;
  /** Builds the demo in the foreground; answers with the exit code. */
  build(...flags: string[]): Promise<number>;
  /** What a verb prints about the run; it must end well. */
  told(verb: string, ...flags: string[]): Promise<string>;
  tree(): string;
  requests(): SeenRequest[];
};

const openDemo = async (options: Partial<SimulatorOptions> = {}): Promise<Demo> => {
  const mode = { kind: "script" as const, file: DEMO_SCRIPT };
  const simulator = await startSimulator({ mode, ...options });
  const shell = await openShell({
    ANTHROPIC_BASE_URL: simulator.url,
    ANTHROPIC_API_KEY: simulator.apiKey,
  });
  const repo = join(shell.dir, "csvstat");
  let run = "";
  return {
    shell,
    async build(...flags) {
      const said = await shell.headrace(...demoRun(repo), "--foreground", "--no-awake", ...flags);
      run = /^run (\S+):/m.exec(said.out)?.[1] ?? "";
      expect(run, said.err).not.toBe("");
      return said.code;
    },
    async told(verb, ...flags) {
      const { code, out, err } = await shell.headrace(verb, run, ...flags);
      expect(code, `${verb}: ${err}${out.slice(-2_000)}`).toBe(0);
      return out;
    },
    tree: () => git(repo, "rev-parse", `${integrationBranch(run)}^{tree}`),
    requests: () => simulator.requests().filter(({ path }) => path === "/v1/messages"),
    async [Symbol.asyncDispose]() {
      await shell[Symbol.asyncDispose]();
      await simulator.close();
    },
  };
};

const turnOf = ({ user, turn }: SeenRequest): string => `${user} turn ${turn}`;
const isReply = ({ outcome }: SeenRequest): boolean => outcome === "reply";

/** Requests of a turn whose reply had gone out whole before. */
const askedAgain = (requests: readonly SeenRequest[]): string[] => {
  const turns = requests.map(turnOf);
  return turns.filter((turn, i) =>
    requests.some((before, j) => j < i && turns[j] === turn && isReply(before)),
  );
};

/** The demo at its end, which must be complete, its records audited and its ledger conserved. */
const finished = async (demo: Demo) => {
  const { run, tasks } = Status.parse(JSON.parse(await demo.told("status", "--json")));
  expect(run.status).toBe("complete");
  expect(await demo.told("audit")).toContain("nothing was edited");
  const spend = Spend.parse(JSON.parse(await demo.told("spend", "--json")));
  const { settled, converted, overhead, waste, inFlight } = spend;
  expect(settled).toBe(run.spent);
  expect(converted + sumKinds(overhead) + sumKinds(waste)).toBe(settled);
  expect(inFlight).toBe(0);
  const requests = demo.requests();
  expect(askedAgain(requests)).toEqual([]);
  const replies = requests.filter(isReply).length;
  return { spent: run.spent, built: { tasks, replies, tree: demo.tree() } };
};

/** Fields of a CSV without quotes in it, by the head's names. */
const rowsOf = (csv: string): Record<string, string>[] => {
  const [head = [], ...lines] = csv
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.split(","));
  return lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i] ?? ""])));
};

/** Steps of the askings that ended without a reply, of all requests that the ledger has. */
const exhaustedIn = (tries: readonly Record<string, string>[]): string[] =>
  [...Map.groupBy(tries, ({ ask = "" }) => ask).values()]
    .filter((rows) => rows.every(({ outcome }) => outcome !== "ok"))
    .map(([first]) => first?.step ?? "");

type Logged = { type: string; step?: string };

/** The demo's script, with turns as dear as those of a model that thinks: what one call holds is little next to them. */
const writeDear = async (file: string): Promise<void> => {
  const usage = { say: { output_tokens: 15_000 } };
  const { conversations } = parse(await readFile(DEMO_SCRIPT, "utf8"));
  for (const { turns } of conversations) for (const turn of turns) turn.usage = usage;
  await writeFile(file, stringify({ conversations }));
};

let dir: TempDir;
let calm: Awaited<ReturnType<typeof finished>>;
const dear = () => ({ kind: "script" as const, file: join(dir.path, "dear.yaml") });
beforeAll(async () => {
  dir = await tempDir();
  await writeDear(dear().file);
  await using demo = await openDemo({ mode: dear() });
  expect(await demo.build("--yes")).toBe(0);
  calm = await finished(demo);
}, BOUND_MS);
afterAll(() => dir[Symbol.asyncDispose]());

describe("the demo", { timeout: BOUND_MS }, () => {
  // neither spares askings: one model is tried three times, and in storm 3 three turns fail so often running; in storm 44
  // a turn fails five times, which is as often as all models of a route are tried together
  test.each([
    { seed: 3, flags: ["--model", "claude-sonnet-5"] },
    { seed: 44, flags: [] },
  ])(
    "under storm $seed ends with the same tree and no attempt used up, though askings are exhausted",
    async ({ seed, flags }) => {
      await using demo = await openDemo({ storm: { seed, share: 0.3 } });
      expect(await demo.build(...flags)).toBe(0);
      expect((await finished(demo)).built).toEqual(calm.built);
      const outcomes = new Set(demo.requests().map(({ outcome }) => outcome));
      expect(outcomes).toEqual(new Set(["reply", "error", "cut"]));

      const calls = rowsOf(await demo.told("spend", "--csv"));
      expect(new Set(calls.map(({ state }) => state))).toEqual(new Set(["settled", "estimated"]));
      const exhausted = exhaustedIn(rowsOf(await demo.told("spend", "--csv", "tries")));
      expect(exhausted.length).toBeGreaterThan(0);
      const deferred = (await demo.told("log", "--json"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Logged)
        .flatMap(({ type, step }) => (type === "step.deferred" ? [step] : []));
      expect(deferred).toEqual(expect.arrayContaining(exhausted));
    },
  );

  test("under half its cost ends with 4, and a raise completes it without a completed call made again", async () => {
    const half = toUsd(Math.floor(calm.spent / 2)).toFixed(4);
    await using demo = await openDemo({ mode: dear() });
    expect(await demo.build("--yes", "--budget", half)).toBe(4);
    const { run } = Status.parse(JSON.parse(await demo.told("status", "--json")));
    expect(run.spent).toBeLessThanOrEqual(fromUsd(Number(half)));
    const before = demo.requests().filter(isReply).length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(calm.built.replies);

    await demo.told("budget", "--raise", toUsd(calm.spent).toFixed(4));
    await demo.told("watch");
    expect((await finished(demo)).built).toEqual(calm.built);
  });
});
