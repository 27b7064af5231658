import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openShell, type Shell } from "../support/shell.ts";
import { LANDING, writeSpentStore } from "../support/spent-store.ts";

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
  await writeSpentStore(shell.data, ["r1", "r2"]);
});
afterAll(() => shell[Symbol.asyncDispose]());

const spend = async (...args: string[]) => {
  const { code, out, err } = await shell.headrace("spend", ...args);
  return { code, out: out.trimEnd().split(/\r?\n/), err };
};

describe("headrace spend", () => {
  test("tells what a run cost, what it came to, and of what each share is", async () => {
    const { code, out, err } = await spend("r1");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toEqual([
      "run r1 is active",
      "  cost           $1.00           in 4 calls, 800.0 WU for 3 of them (the others have no reference price)",
      "  converted      $0.45   45.0 %",
      "  overhead       $0.10   10.0 %  planning $0.10 (10.0 %)",
      "  waste          $0.35   35.0 %  abandoned $0.20 (20.0 %), rejected $0.15 (15.0 %)",
      "  in flight      $0.10   10.0 %",
      "  a task     $1.00 for each of 1 landed, $0.50 for each of 2 dispatched",
      "  tokens     10.6k: 2.0k input, 2.0k written to the cache for 5 minutes, 0 for an hour, 6.0k read from it, 600 output",
      "  cache      60.0 % of 10.0k input tokens were read from it",
      "  usage      reported by the provider for 3 of 4 calls",
      "  excess     $0.0500 was reported above what was reserved",
      "  billed     $0.58 by the provider's own word for 1 calls, which are settled at $0.60",
    ]);
  });

  test("and a run's report tell what was reported above what was reserved, which is no cost", async () => {
    const { out } = await shell.headrace("status", "r1");
    expect(out).toContain("  cost           $1.00           in 4 calls");
    expect(out).toContain("  excess     $0.0500 was reported above what was reserved\n");
    const { excess, settled } = JSON.parse((await spend("r1", "--json")).out.join(""));
    expect([excess, settled]).toEqual([50_000_000_000, 1_000_000_000_000]);
  });

  test("splits it by task, role, model and kind", async () => {
    const { out } = await spend("r1", "--by", "task");
    expect(out.slice(-4)).toEqual([
      "task   cost   share  converted  overhead  waste  in flight      work  of calls  cache read  usage reported",
      "plan  $0.10  10.0 %      $0.00     $0.10  $0.00      $0.00  100.0 WU       1/1       0.0 %             1/1",
      "one   $0.70  70.0 %      $0.45     $0.00  $0.15      $0.10  700.0 WU       2/2      66.7 %             2/2",
      "two   $0.20  20.0 %      $0.00     $0.00  $0.20      $0.00         -       0/1           -             0/1",
    ]);
    const kinds = await spend("r1", "--by", "kind");
    expect(kinds.out.slice(-6)).toEqual([
      "kind                 cost   share      work  of calls",
      "converted           $0.45  45.0 %  450.0 WU       1/1",
      "overhead: planning  $0.10  10.0 %  100.0 WU       1/1",
      "waste: abandoned    $0.20  20.0 %         -       0/1",
      "waste: rejected     $0.15  15.0 %  150.0 WU       1/1",
      "in flight           $0.10  10.0 %  100.0 WU       1/1",
    ]);
    const roles = await spend("r1", "--by", "role", "--json");
    const { by } = JSON.parse(roles.out.join(""));
    expect(
      by.role.map(({ key, settled }: { key: string; settled: number }) => [key, settled]),
    ).toEqual([
      ["planner", 100_000_000_000],
      ["coder", 800_000_000_000],
      ["reviewer", 100_000_000_000],
    ]);
    const models = await spend("r1", "--by", "model");
    expect(models.out.join("\n")).toMatch(/^anthropic\/m +\$0\.90/m);
  });

  test("tells all runs together, and each beside the others", async () => {
    const { out } = await spend();
    expect(out[0]).toBe("2 runs");
    expect(out.join("\n")).toContain("$2.00           in 8 calls");
    expect(out.join("\n")).toMatch(/^r1 +\$1\.00 +50\.0 %.*\nr2 +\$1\.00 +50\.0 %/m);
    const { out: tasks } = await spend("--by", "task");
    expect(tasks.join("\n")).toMatch(/^r2\/one +\$0\.70/m);
  });

  test("prints whole pico-dollars as JSON, whose classes add up", async () => {
    const { out } = await spend("r1", "--json");
    const { settled, converted, overhead, waste, inFlight, ...rest } = JSON.parse(out.join(""));
    expect(settled).toBe(1_000_000_000_000);
    expect(converted + overhead.planning + waste.rejected + waste.abandoned + inFlight).toBe(
      settled,
    );
    expect(rest).toMatchObject({
      ...{ calls: 4, reported: 3, work: 800_000_000_000, worked: 3 },
      units: { amounts: "pico-dollars", work: "1e-9 work units" },
      tasks: { landed: 1, dispatched: 2 },
      usage: { input: 2_000, cacheWrite5m: 2_000, cacheWrite1h: 0, cacheRead: 6_000, output: 600 },
    });
  });

  test("has a CSV row for each part of a call, with its tokens once", async () => {
    const { out } = await spend("r1", "--csv");
    const rows = out.map((line) => line.split(","));
    const [head = []] = rows;
    const at = (name: string) => rows.slice(1).map((row) => row[head.indexOf(name)]);
    expect(at("call")).toEqual(["r1-c1", "r1-c2", "r1-c2", "r1-c3", "r1-c4"]);
    expect(at("class")).toEqual(["overhead", "converted", "waste", "waste", "inFlight"]);
    expect(at("commit")).toEqual(["", LANDING, "", "", ""]);
    expect(at("cost_usd")[1]).toBe("0.450000000000");
    expect(at("work_wu")).toEqual(["100", "450", "150", "", "100"]);
    expect(at("cache_read")).toEqual(["0", "6000", "", "", "0"]);
  });

  test("has a CSV row for each HTTP request and each choice, in which no text is a formula", async () => {
    const tries = await spend("r1", "--csv", "tries");
    expect(tries.out).toHaveLength(5);
    expect(tries.out[2]).toContain(
      ",anthropic,m,'=1+1,ok,,4000,,1000,2000,0,6000,500,0.600000000000,false",
    );
    expect(tries.out[3]).toContain("two,quarantined,1,coder");
    expect(tries.out[3]).toContain(",overload,529,");
    expect(tries.out[4]).toContain(`,"'=HYPERLINK(""x"")",`);
    const demand = await spend("r1", "--csv", "demand");
    expect(demand.out.join("\n")).toContain(
      'deferred,,2026-11-21T09:00:00.000Z,"anthropic asks for a pause,\nit says ""later""",anthropic/m rate-limited',
    );
  });

  test("shows requests by day, role and model, and why nothing was sent", async () => {
    const daily = await spend("r1", "--view", "daily");
    expect(daily.out).toEqual([
      expect.stringMatching(
        /^day +role +model +requests +ok +p50 +p95 +cost +cache read +fallbacks$/,
      ),
      expect.stringMatching(
        /^2026-11-21 +coder +anthropic\/m +2 +50\.0 % +4\.0 s +4\.0 s +\$0\.80 +66\.7 % +0 of 2$/,
      ),
      expect.stringMatching(
        /^2026-11-21 +planner +anthropic\/m +1 +100\.0 % +1\.0 s +1\.0 s +\$0\.10 +0\.0 % +0 of 1$/,
      ),
      expect.stringMatching(/^2026-11-21 +reviewer +anthropic\/=HYPERLINK/),
    ]);
    const unmet = await spend("r1", "--view", "unmet");
    expect(unmet.out.slice(1)).toEqual([
      expect.stringMatching(/^coder +deferred +anthropic\/m +rate-limited +1 +1 +2026-11-21T09/),
      "of 5 choices of a model",
    ]);
  });

  test.each([
    [["--by", "colour"], "--by colour is not known"],
    [["--csv", "--json"], "each say what is printed"],
    [["--by", "task", "--view", "daily"], "each say what is printed"],
    [["r9"], "there is no run r9"],
  ])("refuses %j with its remedy, and starts nothing", async (args, problem) => {
    const { code, err } = await spend(...args);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(problem) });
  });

  test("says so where nothing was ever spent", async () => {
    await using empty = await openShell();
    const said = await empty.headrace("spend");
    expect(said).toEqual({ code: 0, out: "nothing has been spent yet\n", err: "" });
    const json = await empty.headrace("spend", "--json");
    expect(JSON.parse(json.out)).toMatchObject({ settled: 0, calls: 0 });
  });
});
