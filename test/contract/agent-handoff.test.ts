import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HandedOn, totalTokens } from "@headrace/domain";
import { withCacheBreakpoints } from "@headrace/models";
import { startSimulator } from "@headrace/simulator";
import { expect, test } from "vitest";
import * as briefs from "../../agents/fixtures/sample-briefs.ts";
import { AGENTS } from "../../agents/index.ts";
import { agentRig, type RigOptions } from "../support/agent-rig.ts";
import { tempDir } from "../support/git.ts";
import { clientOf } from "../support/models.ts";

const BRIEF = "## Done\nnotes.txt holds the numbers.\n## Open problems\nIt has no title.";
const output = (from: number) => ({
  bash: { command: `seq ${from} ${from + 1900} | tee -a notes.txt` },
});

const CONVERSATIONS = [
  {
    ...{ role: "coder", task: "t1" },
    turns: [
      { calls: [output(1)] },
      { calls: [output(2001)] },
      { calls: [output(4001)] },
      { contains: ["takes up", "## Open problems"], text: BRIEF },
    ],
  },
  {
    ...{ role: "coder", task: "t1", conversation: 2 },
    turns: [
      {
        contains: ["Handed on to you", "It has no title.", "notes.txt +5703 -0"],
        calls: [{ read: { path: "notes.txt", limit: 2 } }],
      },
      { calls: [{ submit_change: { summary: "Numbers." } }] },
    ],
  },
];

test("over the wire, a handoff is due by what the provider counts, and both its turns read what they share from the cache", async () => {
  await using dir = await tempDir("headrace-handoff-");
  const file = join(dir.path, "script.yaml");
  await writeFile(file, JSON.stringify({ conversations: CONVERSATIONS }));
  await using simulator = await startSimulator({ mode: { kind: "script", file } });
  const client = clientOf(simulator);
  const options: RigOptions = {
    definition: AGENTS.coder,
    brief: { ...briefs.coderBrief, conflicts: [] },
    script: [],
    client: { complete: (request) => client.complete(withCacheBreakpoints(request)) },
    candidate: { model: "claude-sonnet-5", window: 12_000 },
    input: { handoffs: 3 },
  };
  await using first = await agentRig(options);
  const run = await first.run();
  if (run.kind !== "ended" || run.end.end !== "handoff") throw new Error(JSON.stringify(run));
  expect(run.end.brief).toMatchObject({ told: { problems: "It has no title." } });
  const usages = first.records.flatMap((part) => (part.kind === "reply" ? [part.reply.usage] : []));
  expect(usages).toHaveLength(4);
  const [opening, , before, last] = usages;
  if (opening === undefined || before === undefined || last === undefined) throw new Error();
  expect(totalTokens(before)).toBeGreaterThan(12_000 / 2);
  expect(last.cacheRead).toBe(before.cacheRead + before.cacheWrite5m);

  const handoff: HandedOn = { ...run.end.brief, changed: ["notes.txt +5703 -0"] };
  const { used } = run.end;
  await using second = await agentRig({
    ...options,
    input: { handoffs: 2, used, handoff, conversation: 2 },
  });
  expect(await second.run()).toMatchObject({ end: { end: "submitted" } });
  const [next] = second.records.flatMap((part) =>
    part.kind === "reply" ? [part.reply.usage] : [],
  );
  // tools, system prompt and task, as the conversation before had written them
  expect(next?.cacheRead).toBe(opening.cacheWrite5m);
});
