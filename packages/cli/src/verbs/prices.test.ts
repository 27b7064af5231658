import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Options } from "../world.ts";
import { prices } from "./prices.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-prices-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const configure = (text: string) => writeFile(join(dir, "config.yaml"), text);
const run = async (options: Options = {}) => {
  const lines: string[] = [];
  const world = {
    env: {},
    cwd: dir,
    interrupt: new AbortController().signal,
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
    terminal: undefined,
  };
  const code = await prices(world, [], { data: dir, ...options });
  return { code, lines };
};
type Shown = { model: string; of: string; providers: string[]; inForce: boolean; source: string };
const shown = async (): Promise<Shown[]> => JSON.parse((await run({ json: true })).lines.join(""));

const OWN = `prices:
  - { model: qwen, input: "0.5", output: "1", source: our bill, retrievedAt: 2026-11-01 }
  - { model: claude-opus-4-8, input: "4", output: "20" }
models:
  local: { provider: anthropic, id: qwen }
  opus: { provider: anthropic, id: anthropic/claude-opus-4.8 }
routes:
  coder: [local]
`;

test("every price is told with its classes, days, source and whose it is", async () => {
  await configure(OWN);
  const { code, lines } = await run();
  expect(code).toBe(0);
  const row = (start: string, nth = 0) =>
    lines.filter((line) => line.startsWith(start))[nth]?.split(/ {2,}/);
  expect(lines[0]).toMatch(/^model +provider +input +write 5m +write 1h +read +output +batch/);
  expect(row("claude-haiku-4-5")).toEqual([
    "claude-haiku-4-5",
    "anthropic",
    "1",
    "1.25",
    "2",
    "0.1",
    "5",
    "50 %",
    "shipped",
    "2",
  ]);
  expect(row("claude-sonnet-5 ", 0)).toEqual(expect.arrayContaining(["2", "10", "2026-08-31 *"]));
  expect(row("claude-sonnet-5 ", 1)).toEqual(expect.arrayContaining(["3", "15", "2026-09-01"]));
  // what cache tokens of a row without such prices cost follows from its input
  expect(row("qwen")).toEqual([
    "qwen",
    "anthropic",
    "0.5",
    "0.625",
    "1",
    "0.05",
    "1",
    "yours",
    "8",
  ]);
  expect(lines).toContain(
    "2: https://platform.claude.com/docs/en/about-claude/pricing, 2026-11-21",
  );
  expect(lines).toContain("8: our bill, 2026-11-01");
});

test("a row of yours outranks a shipped one, and both are told", async () => {
  await configure(OWN);
  const opus = (await shown()).filter(({ model }) => model === "claude-opus-4-8");
  expect(opus).toMatchObject([
    { of: "shipped", inForce: false, providers: ["anthropic"] },
    { of: "yours", inForce: true, providers: ["anthropic"] },
  ]);
});

test("rows that are in order and priced routes pass the check", async () => {
  await configure(OWN);
  expect(await run({ check: true })).toEqual({
    code: 0,
    lines: ["in order (rows of yours: 2, models that routes lead to: 1)"],
  });
});

test("mistakes in rows and routed models without a price are named, and the answer is no", async () => {
  await configure(
    `${OWN.replace('input: "4"', 'input: "50"')}  planner: [other]
`.replace(
      "models:\n",
      "models:\n  other: { provider: anthropic, id: llama }\n  unused: { provider: anthropic, id: gemma }\n",
    ),
  );
  const { code, lines } = await run({ check: true });
  expect(code).toBe(1);
  expect(lines.map((line) => line.replace(dir, ""))).toEqual([
    "/config.yaml: prices[1] (claude-opus-4-8): a token of input costs more than one of output",
    "/config.yaml: prices[1] (claude-opus-4-8): input is 50, where 5 stood before: more than three times as much or as little",
    "/config.yaml: models.other: no price is in force for llama: add one under `prices`, or set budgets.tokens",
  ]);
  const json = await run({ check: true, json: true });
  expect(JSON.parse(json.lines.join(""))).toMatchObject({ problems: { length: 3 } });
});

test("a budget in tokens holds models without a price, so that they pass the check", async () => {
  await configure(`models: { a: { provider: anthropic, id: llama } }
routes: { coder: [a] }
budgets: { tokens: 1000000 }
`);
  expect((await run({ check: true })).code).toBe(0);
});
