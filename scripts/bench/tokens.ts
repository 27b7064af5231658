// What prompts cost: docs/benchmarks.md, "Tokens". The simulator counts tokens and models the prompt cache, so the
// figures are the same on any machine; the demo needs an engine. Ends with 1 when a goal is missed.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as briefs from "../../agents/fixtures/sample-briefs.ts";
import { AGENTS } from "../../agents/index.ts";
import { instructionsOf } from "../../packages/agent/src/index.ts";
import {
  Brief,
  formatUserId,
  Role,
  type TokenUsage,
  totalTokens,
} from "../../packages/domain/src/index.ts";
import { createModelClient } from "../../packages/models/src/index.ts";
import { startSimulator } from "../../packages/simulator/src/index.ts";
import { coderSessions, MODEL } from "./coder-session.ts";
import { measureDemo } from "./demo.ts";
import { createHeadrace } from "./shell.ts";
import { type Row, renderTable } from "./table.ts";

const MOST_PREFIX_TOKENS = 2_500;
const LEAST_READ_PERCENT = 89;
/** What blocks of a cache round off, in points of a share. */
const ROUNDED_PERCENT = 0.1;
/** What is counted does not depend on time, so a busy machine gets more of it. */
const DEMO_BOUND_MS = 15 * 60_000;

const say = (line: string): void => console.error(line);
const whole = (n: number): string => Math.round(n).toLocaleString("en-US");

let missed = false;
const goal = (text: string, met: boolean): string => {
  missed ||= !met;
  return `goal ${text}: ${met ? "met" : "missed"}`;
};

const BRIEFS: Record<Role, unknown> = {
  planner: briefs.plannerBrief,
  researcher: briefs.researcherBrief,
  coder: briefs.coderBrief,
  reviewer: briefs.changeReviewBrief,
  merger: briefs.mergerBrief,
};

/** Tools and system prompt of each role, as the provider counts them. */
const measurePrefixes = async (folder: string): Promise<Row[]> => {
  const file = join(folder, "none.yaml");
  await writeFile(
    file,
    JSON.stringify({ conversations: [{ role: "coder", task: "t1", turns: [{ text: "-" }] }] }),
  );
  await using simulator = await startSimulator({ mode: { kind: "script", file } });
  const client = createModelClient({ baseUrl: simulator.url, apiKey: simulator.apiKey });
  const rows: Row[] = [];
  for (const role of Role.options) {
    const { terminal } = AGENTS[role].open(Brief.parse(BRIEFS[role]), []);
    const userId = formatUserId({ run: "r1", subject: "t1", role, attempt: 1, conversation: 1 });
    const message = { role: "user" as const, content: [{ type: "text", text: "-" }] };
    const bare = { model: MODEL, maxTokens: 1, messages: [message], userId, tools: [], system: [] };
    const prefix = instructionsOf(AGENTS[role], terminal);
    const tokens =
      (await client.countTokens({ ...bare, ...prefix })) - (await client.countTokens(bare));
    rows.push({
      what: `prefix of the ${role}`,
      figure: `${whole(tokens)} tokens`,
      samples: 1,
      note:
        role === "coder"
          ? goal(`${whole(MOST_PREFIX_TOKENS)}`, tokens <= MOST_PREFIX_TOKENS)
          : "tools and system prompt",
    });
  }
  return rows;
};

const sum = (turns: readonly TokenUsage[], of: (usage: TokenUsage) => number): number =>
  turns.reduce((total, usage) => total + of(usage), 0);
const inputOf = (usage: TokenUsage): number => totalTokens(usage) - usage.output;

/** The most that can be read where nothing was cached before: in each turn all of the prompt before it. */
const mostRead = (turns: readonly TokenUsage[]): number =>
  100 * (1 - sum(turns.slice(-1), inputOf) / sum(turns, inputOf));

/** A session of ten turns as the first coder of a run has it, and as every later one has it. */
const measureSessions = async (): Promise<Row[]> => {
  const [first = [], later = []] = await coderSessions(2);
  const share = (turns: readonly TokenUsage[]) =>
    (100 * sum(turns, (u) => u.cacheRead)) / sum(turns, inputOf);
  const row = (what: string, turns: readonly TokenUsage[], note: string): Row => ({
    what,
    figure: `${share(turns).toFixed(1)} %`,
    samples: 1,
    note: `of ${whole(sum(turns, inputOf))} input tokens in ${turns.length} turns; ${note}`,
  });
  return [
    row(
      "coder session, read from the cache",
      later,
      goal(`${LEAST_READ_PERCENT} %`, share(later) >= LEAST_READ_PERCENT),
    ),
    row(
      "the same, the first coder of a run",
      first,
      goal(
        `${mostRead(first).toFixed(1)} %, the most that such prompts allow`,
        share(first) >= mostRead(first) - ROUNDED_PERCENT,
      ),
    ),
  ];
};

/** What the demo's run used, by the tasks that it landed. */
const measureLandings = async (folder: string): Promise<Row[]> => {
  const signal = AbortSignal.timeout(DEMO_BOUND_MS);
  const { data } = await measureDemo(folder, signal, DEMO_BOUND_MS);
  const headrace = createHeadrace(data, signal);
  const [run] = await headrace.runs();
  const events = await headrace.events(run?.id ?? "");
  const calls = events.flatMap((event) => (event.type === "model.called" ? [event.usage] : []));
  const landed = events.filter((event) => event.type === "merge.landed").length;
  const broken = events.filter((event) => event.type === "cache.broken").length;
  const read = (100 * sum(calls, (u) => u.cacheRead)) / sum(calls, inputOf);
  return [
    {
      what: "demo, tokens of a landed task",
      figure: whole(sum(calls, totalTokens) / landed),
      samples: 1,
      note: `${whole(sum(calls, totalTokens))} in ${calls.length} calls for ${landed} tasks, planning and review among them; ${read.toFixed(0)} % of input read`,
    },
    {
      what: "demo, prompts whose prefix broke",
      figure: whole(broken),
      samples: 1,
      note: goal("0", broken === 0),
    },
  ];
};

const folder = await mkdtemp(join(tmpdir(), "headrace-tokens-"));
try {
  say("prefixes");
  const rows = await measurePrefixes(folder);
  say("sessions");
  rows.push(...(await measureSessions()));
  say("demo");
  rows.push(...(await measureLandings(folder)));
  console.log(`\n${new Date().toISOString().slice(0, 10)}, tokens as the simulator counts them\n`);
  console.log(renderTable(rows));
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (missed) process.exitCode = 1;
