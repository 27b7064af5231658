// What a turn of an agent costs besides the model: docs/benchmarks.md, "One turn". Not a test: it wants a machine that
// does nothing else.

import { dockerHarness } from "../../test/support/engine.ts";
import { measureTurns } from "./agent-turns.ts";
import { execPerCommand } from "./exec-per-command.ts";
import { machine } from "./machine.ts";
import {
  baseEnvironment,
  measureBareCommands,
  measureIdleMemory,
  measureStarts,
  measureTools,
} from "./sandbox-costs.ts";
import { median, type Row, range, renderTable } from "./table.ts";

const ROUNDS = 3;
/** How long the model takes: less than any real one. */
const MODEL_MS = 250;
const GOAL_TURN_MS = 22;
const GOAL_WARM_MS = 50;

const precise = (ms: number): string => `${ms.toFixed(1)} ms`;
const say = (line: string): void => console.error(line);

const where = machine();
await using harness = await dockerHarness();
const { docker, sandboxes } = harness;
const image = await baseEnvironment(sandboxes);

say("turns");
const ours: number[] = [];
const theirs: number[] = [];
const hurried: number[] = [];
// by turns, so that others' work on the machine is in all alike; the first round warms them up
for (let round = 0; round <= ROUNDS; round++) {
  const own = await measureTurns(sandboxes, MODEL_MS);
  const exec = await measureTurns(execPerCommand(docker, sandboxes), MODEL_MS);
  const instant = await measureTurns(sandboxes, 0);
  if (round === 0) continue;
  ours.push(...own);
  theirs.push(...exec);
  hurried.push(...instant);
}
say("starts");
const cold = await measureStarts(sandboxes, image, false);
const warm = await measureStarts(sandboxes, image, true);
say("tools");
const tools = await measureTools(sandboxes, image);
const bare = await measureBareCommands();
const idle = await measureIdleMemory(docker, sandboxes, image);

const turn = median(ours);
const goal = (ms: number, most: number, where = ""): string =>
  `goal ${most} ms${where}: ${ms <= most ? "met" : "missed"}; `;
const row = (what: string, times: readonly number[], note = ""): Row => ({
  what,
  figure: precise(median(times)),
  ratio: median(times) / turn,
  samples: times.length,
  note: `${note}${range(times, precise)}`,
});
console.log(`\n${new Date().toISOString().slice(0, 10)}, ${where}\n`);
console.log(
  renderTable([
    row(
      "turn: reply's end to next request",
      ours,
      goal(turn, GOAL_TURN_MS, ` at ${MODEL_MS} ms of model`),
    ),
    row("the same, an exec per command", theirs),
    row("the same, a model that takes no time", hurried, goal(median(hurried), GOAL_TURN_MS)),
    row("its command alone, with no sandbox", bare, "spawned by Node on this machine; "),
    row("sandbox ready, cold", cold),
    row("sandbox ready, warm", warm, goal(median(warm), GOAL_WARM_MS)),
    row("checkout of 200 files", tools.checkout),
    row("snapshot", tools.snapshot),
    row("read", tools.read),
    row("edit", tools.edit),
    row("search", tools.search),
    {
      what: "idle sandbox, memory",
      figure: `${(idle / 2 ** 20).toFixed(0)} MiB`,
      samples: 1,
      note: "as the engine counts it, less file cache",
    },
  ]),
);
