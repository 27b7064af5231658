// What merging in batches costs beside merging one by one: docs/benchmarks.md, "Merging". Not a test: the verifications
// it counts are the same anywhere, its times want a machine that does nothing else.

import { isEnded, type RunState, SANDBOX_UID } from "../../packages/domain/src/index.ts";
import { dockerHarness } from "../../test/support/engine.ts";
import type { Files } from "../../test/support/flat-trees.ts";
import { mergeLine } from "../../test/support/merge-line.ts";
import { machine } from "./machine.ts";
import { baseEnvironment } from "./sandbox-costs.ts";
import { type Row, renderTable, seconds } from "./table.ts";

const GATE_S = 3;
/** Red for the culprit, and for `t1` and `t2` together where a scenario marks them. */
const GATE = `sleep ${GATE_S}; test ! -e culprit && ! { test -e left && test -e right; }`;
const LIMITS = { memoryMb: 256, cpus: 1, pids: 64, diskMb: 256, inodes: 10_000 };
const PATIENCE_MS = 600_000;

type Scenario = { what: string; changes: number; marks: Record<string, string>; lands: number };

const SCENARIOS: Scenario[] = [
  ...[5, 8, 15].map((n) => ({ what: `${n} green`, changes: n, marks: {}, lands: n })),
  ...[2, 4, 8].map((at) => ({
    what: `8, the culprit is number ${at}`,
    changes: 8,
    marks: { [`t${at}`]: "culprit" },
    lands: 7,
  })),
  {
    what: "8, two of them red together only",
    changes: 8,
    marks: { t2: "left", t7: "right" },
    lands: 7,
  },
];

await using harness = await dockerHarness();
const image = await baseEnvironment(harness.sandboxes);

/** The scenario with batches of `batch`: a culprit is not built again, so every verification is of this merging. */
const merge = async ({ changes, marks, lands }: Scenario, batch: number) => {
  const names = Array.from({ length: changes }, (_, i) => `t${i + 1}`);
  await using line = await mergeLine({
    gather: true,
    limits: { attempts: 1, planVersions: 1 },
    code: (files: Files, { task }) => ({ ...files, [marks[task] ?? task]: `${task}\n` }),
    async red(_, { input, fence }) {
      // what is measured is merging: each change was found green before
      if (input.kind !== "verify" || !fence.step.includes("-verify-landing-")) return false;
      const tar = await line.repo.tar(input.commit, { uid: SANDBOX_UID });
      const result = await harness.sandboxes.runGate({
        ...{ image, limits: LIMITS, env: {}, labels: { run: fence.run, step: fence.step } },
        ...{ command: GATE, tar, timeoutMs: 60_000, maxOutputBytes: 10_000 },
      });
      if (result.exitCode !== 0 && result.exitCode !== 1)
        throw new Error(`the gate did not run: ${JSON.stringify(result)}`);
      return result.exitCode === 1;
    },
  });
  const run = await line.start(names, { merge: { batch } });
  const over = ({ run: { status } }: RunState) => isEnded(status) || status === "failed";
  const state = await line.until(run, over, PATIENCE_MS);
  const events = await line.events(run);
  const landed = events.filter((e) => e.type === "merge.landed");
  if (landed.length !== lands)
    throw new Error(
      `${landed.length} of ${lands} landed: ${Object.values(state.tasks).map((t) => `${t.id} ${t.status} ${t.reason ?? ""}`)}`,
    );
  const started = events.find((e) => e.type === "thread.started" && e.kind === "landing");
  const ended = events.findLast((e) => e.type === "thread.finished" && e.kind === "landing");
  const ms = Date.parse(ended?.at ?? "") - Date.parse(started?.at ?? "");
  return { verifications: line.verifications(state), ms };
};

const where = machine();
const rows: Row[] = [];
for (const scenario of SCENARIOS) {
  console.error(scenario.what);
  const alone = await merge(scenario, 1);
  const batched = await merge(scenario, 5);
  const whole = Math.ceil(scenario.changes / 5);
  const extra = batched.verifications - whole;
  const cost = extra === 0 ? `= ceil(${scenario.changes}/5)` : `${whole} and ${extra} extra`;
  rows.push({
    what: scenario.what,
    figure: seconds(batched.ms),
    ratio: batched.ms / alone.ms,
    samples: 1,
    note: `${batched.verifications} verifications (${cost}), ${scenario.lands} land; one by one ${alone.verifications} in ${seconds(alone.ms)}`,
  });
}
console.log(`\n${new Date().toISOString().slice(0, 10)}, ${where}\n`);
console.log(renderTable(rows));
