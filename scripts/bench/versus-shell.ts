import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredEvent } from "../../packages/domain/src/index.ts";
import { createClock, openStore } from "../../packages/store/src/index.ts";
import { commitFiles, git } from "../../test/support/git.ts";
import { DEMO_SCRIPT, demoRun } from "../demo/hand-in.mjs";
import { plainScript, type Recorded } from "./plain-script.ts";
import { sandboxTime, unionOf } from "./sandbox-time.ts";
import { run } from "./shell.ts";
import { median, type Row, range, seconds } from "./table.ts";

const ROUNDS = 3;

/** Wall times in milliseconds. */
type Round = { plain: number; unchecked: number; whole: number; parts: Parts };
/** Where the wall time of the run without further checks went, in milliseconds; together they are all of it. */
type Parts = { commands: number; steps: number; between: number; around: number };

/** The example built by the factory with and without its further checks, and by a plain script of its commands, in turns. */
export const measureAgainstShell = async (folder: string, signal: AbortSignal): Promise<Row[]> => {
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const dir = join(folder, `round-${i}`);
    await mkdir(dir);
    rounds.push(await measureRound(dir, signal));
  }
  const times = (pick: (round: Round) => number) => rounds.map(pick);
  const row = (what: string, values: number[], note: string): Row => ({
    what,
    figure: seconds(median(values)),
    ratio: median(values) / median(times((r) => r.plain)),
    samples: values.length,
    note: note === "" ? range(values, seconds) : note,
  });
  return [
    row(
      "plain shell script",
      times((r) => r.plain),
      "",
    ),
    row(
      "the factory, no further checks",
      times((r) => r.unchecked),
      "goal: ratio <= 1.5",
    ),
    row(
      "  a command ran in a sandbox",
      times((r) => r.parts.commands),
      "tool calls and gates",
    ),
    row(
      "  a step was under way",
      times((r) => r.parts.steps),
      "opening, snapshots, git, model",
    ),
    row(
      "  between steps",
      times((r) => r.parts.between),
      "dispatch and graphs",
    ),
    row(
      "  around the run",
      times((r) => r.parts.around),
      "start, Redis, export, end",
    ),
    row(
      "the factory with further checks",
      times((r) => r.whole),
      "as it comes; the script has none of them",
    ),
  ];
};

/** A repository whose runs leave further checks out, and are the example's otherwise. */
const uncheckedRepo = async (repo: string): Promise<string> => {
  await mkdir(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  await commitFiles(repo, { "headrace.yaml": "verification:\n  budget: 0\n" });
  return repo;
};

/** Milliseconds that `headrace run` of the example takes. */
const build = async (args: string[], data: string, signal: AbortSignal): Promise<number> => {
  const launcher = "packages/cli/bin/headrace.mjs";
  const flags = ["--model", `script:${DEMO_SCRIPT}`, "--data", data, "--foreground", "--no-awake"];
  const { ms } = await run(process.execPath, [launcher, ...args, ...flags], { signal });
  return ms;
};

const measureRound = async (dir: string, signal: AbortSignal): Promise<Round> => {
  const whole = await build(demoRun(join(dir, "checked")), join(dir, "data-checked"), signal);
  const data = join(dir, "data");
  const repo = await uncheckedRepo(join(dir, "repo"));
  const unchecked = await build(demoRun(repo, "--repo"), data, signal);
  const recorded = await recordedRun(data);
  const [repository = ""] = await readdir(join(data, "repos"));
  const gitDir = join(dir, "plain.git");
  await cp(join(data, "repos", repository), gitDir, { recursive: true });
  const script = join(dir, "plain.sh");
  await writeFile(script, plainScript(recorded));
  const work = join(dir, "work");
  await mkdir(work);
  try {
    const env = { image: recorded.image, work, GIT_DIR: gitDir, ...IDENTITY };
    const plain = await run("bash", [script], { env, signal });
    return { plain: plain.ms, unchecked, whole, parts: partsOf(recorded, unchecked) };
  } finally {
    removeContainers(recorded.image);
    await rm(work, { recursive: true, force: true });
  }
};

const IDENTITY = {
  GIT_AUTHOR_NAME: "bench",
  GIT_AUTHOR_EMAIL: "bench@localhost",
  GIT_COMMITTER_NAME: "bench",
  GIT_COMMITTER_EMAIL: "bench@localhost",
};

/** A script that was interrupted leaves containers behind; they are told by the command only it gives them. */
const removeContainers = (image: string): void => {
  const args = ["ps", "--all", "--quiet", "--filter", `ancestor=${image}`];
  const listed = spawnSync("docker", [...args, "--no-trunc", "--format", "{{.ID}} {{.Command}}"], {
    encoding: "utf8",
  });
  const ids = listed.stdout
    .split("\n")
    .filter((line) => line.includes("sleep 3600"))
    .map((line) => line.split(" ")[0] ?? "");
  if (ids.length > 0) spawnSync("docker", ["rm", "--force", ...ids]);
};

const recordedRun = async (data: string): Promise<Recorded> => {
  await using store = await openStore({
    file: join(data, "headrace.db"),
    clock: createClock(),
    readOnly: true,
  });
  const [state] = await store.runs();
  if (state?.run.status !== "complete") throw new Error(`the run is ${state?.run.status}`);
  const { id, policy, planVersion } = state.run;
  const events = await store.events(id, 0, 100_000);
  const records: Array<[string, Awaited<ReturnType<typeof store.records>>]> = [];
  let image = "";
  for (const event of events) {
    if (event.type === "step.requested")
      records.push([event.step, await store.records(id, event.step)]);
    if (event.type === "step.finished" && event.result.kind === "environment")
      image = event.result.image;
  }
  const tasks = state.plans[planVersion]?.plan?.tasks ?? [];
  const blockers = new Map(tasks.map((task) => [task.id, task.blockedBy]));
  return { events, records: new Map(records), policy, blockers, image };
};

const partsOf = ({ events }: Recorded, wall: number): Parts => {
  const at = (event: StoredEvent) => Date.parse(event.at);
  const requested = new Map<string, number>();
  const steps: Array<readonly [number, number]> = [];
  for (const event of events) {
    if (event.type === "step.requested") requested.set(event.step, at(event));
    if (event.type === "step.finished")
      steps.push([requested.get(event.step) ?? at(event), at(event)]);
  }
  const first = events[0];
  const last = events.at(-1);
  const whole = first && last ? at(last) - at(first) : 0;
  const commands = sandboxTime(events);
  const inSteps = unionOf(steps);
  return {
    commands,
    steps: inSteps - commands,
    between: whole - inSteps,
    around: wall - whole,
  };
};
