import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  branchRef,
  type CallRow,
  exitCode,
  fromUsd,
  integrationBranch,
  isBooked,
  isEnded,
  isRunning,
  type Pico,
  PlanProposal,
  Policy,
  type RunState,
  type SandboxLimits,
  type SpendTotals,
  type Store,
  type StoredEvent,
  type Submission,
} from "@headrace/domain";
import { openSourceRepo } from "@headrace/repo";
import type { SeenRequest, Simulator } from "@headrace/simulator";
import { stringify } from "yaml";
import type { z } from "zod";
import { commitFiles, type FileChange, git, tempDir, tempRepo } from "./git.ts";
import type { Conversation } from "./script.ts";

/** What a scenario is about; everything else is the smallest thing that works. */
export type RunPlan = {
  /** files of the user's repository beside `test.sh` */
  files?: Readonly<Record<string, FileChange>>;
  /** tasks of the plan that is handed in; without them the planner is asked */
  tasks?: readonly z.input<typeof PlanProposal>["tasks"][number][];
  requirements?: readonly string[];
  script: readonly Conversation[];
  /** answers that go wrong, as docs/model-script.md describes it */
  storm?: { seed: number; share: number };
  budget?: Pico;
  /** `sh test.sh`, which runs every file of checks/, unless given */
  test?: string;
  protected?: string[];
  merge?: Submission["merge"];
  limits?: Partial<SandboxLimits>;
  /** commands that install dependencies; none unless given */
  setup?: string[];
  /** the repository of an earlier run */
  repo?: string;
};

type Landing = {
  commit: string;
  tree: string;
  /** tree of the first parent */
  baseTree: string;
  change: string;
  trailers: Record<string, string>;
};

export type TestRun = {
  id: string;
  behind: string | undefined;
  /** the user's repository */
  repo: string;
  base: string;
  script: string;
  state(): Promise<RunState>;
  events(): Promise<StoredEvent[]>;
  calls(): Promise<CallRow[]>;
  totals(): Promise<SpendTotals>;
  /** messages the simulator was asked for by this run, counting requests left out */
  requests(): Promise<SeenRequest[]>;
  /** The first committed state that satisfies the condition; throws after a while, saying how far it came. */
  until(what: string, enough: (state: RunState) => boolean): Promise<RunState>;
  /** The state in which nothing but a person can move the run on, its branches exported, its spend booked, its log signed. */
  settled(): Promise<RunState>;
  /** first-parent history of the exported integration branch, oldest first */
  landings(): Landing[];
  /** a file at the tip of the exported integration branch */
  merged(path: string): string;
};

/** Runs every check there is, in order; green without one. */
const TEST_SH = `for check in checks/*; do
  test -e "$check" || continue
  sh "$check" || { echo "$check is red"; exit 1; }
done
echo all green
`;
const PATIENCE_MS = 200_000;

const submissionOf = (plan: RunPlan, at: { repo: string; base: string; script: string }) => {
  const requirements = (plan.requirements ?? ["it works"]).map((text, i) => ({
    id: `r${i + 1}`,
    text,
    span: { from: i + 4, to: i + 4 },
    source: "listed" as const,
  }));
  const submission: Submission = {
    title: "Scenario",
    spec: `# Scenario\n\n## Acceptance\n${requirements.map((r) => `- ${r.text}\n`).join("")}`,
    requirements,
    constraints: [],
    base: at.base,
    repo: { path: at.repo, name: "scenario" },
    policy: Policy.parse({
      gates: [{ name: "test", run: plan.test ?? "sh test.sh", timeoutS: 60 }],
      setup: plan.setup ?? [],
      limits: plan.limits ?? {},
      protected: plan.protected ?? [],
      from: { gates: "file", setup: "file" },
    }),
    guidance: [],
    budget: plan.budget ?? fromUsd(20),
    ...(plan.merge === undefined ? {} : { merge: plan.merge }),
    model: { kind: "script", file: at.script },
    ...(plan.tasks === undefined
      ? {}
      : { plan: PlanProposal.parse({ summary: "As given.", tasks: plan.tasks }) }),
  };
  return submission;
};

/** What is needed to look at a run: its rows, and the simulator that plays its script. */
export type Host = {
  store: Pick<Store, "state" | "events" | "calls" | "onCommit" | "totals">;
  simulator(script: string): Promise<Simulator>;
  logged: readonly string[];
};

type Prepared = {
  submission: Submission;
  pack: Uint8Array;
  repo: string;
  base: string;
  script: string;
};

/** Makes the user's repository, the script file, and what a client hands in. */
export const prepareRun = async (
  plan: RunPlan,
  closing: AsyncDisposableStack,
): Promise<Prepared> => {
  const repo = plan.repo ?? closing.use(await tempRepo()).path;
  const dir = closing.use(await tempDir("headrace-script-")).path;
  if (plan.repo === undefined) await commitFiles(repo, { "before.txt": "before\n" });
  const files = { "test.sh": TEST_SH, ...plan.files };
  const base =
    plan.repo === undefined ? await commitFiles(repo, files) : git(repo, "rev-parse", "HEAD");
  const script = join(dir, "script.yaml");
  const { script: conversations, storm } = plan;
  await writeFile(script, stringify({ ...(storm && { storm }), conversations }));
  const submission = submissionOf(plan, { repo, base, script });
  const pack = await (await openSourceRepo({ path: repo })).pack(base);
  return { submission, pack, repo, base, script };
};

/** A run as a test looks at it. */
export const lookAt = (
  host: Host,
  at: Pick<TestRun, "id" | "behind" | "repo" | "base" | "script">,
): TestRun => {
  const { store } = host;
  const { id, repo, base, script } = at;
  const branch = branchRef(integrationBranch(id));
  const until: TestRun["until"] = (what, enough) => waitFor(host, id, what, enough);
  return {
    ...at,
    state: () => stateOf(host, id),
    events: () => allEvents(host, id),
    calls: () => store.calls(id),
    totals: () => store.totals(id),
    requests: async () =>
      (await host.simulator(script))
        .requests()
        .filter((r) => r.path === "/v1/messages" && r.user?.startsWith(`hr1.${id}.`)),
    until,
    settled: () =>
      until("settled", (s) => {
        if (exitCode(s) === undefined) return false;
        if (isEnded(s.run.status) && s.run.exported[branch] !== s.run.tip) return false;
        if (isEnded(s.run.status) && !isBooked(s)) return false;
        return isRunning(s.run.status) || s.run.signed === s.run.seq;
      }),
    landings: () =>
      git(repo, "rev-list", "--first-parent", "--reverse", `${base}..${branch}`)
        .split("\n")
        .filter(Boolean)
        .map((commit) => landing(repo, commit)),
    merged: (path) => git(repo, "show", `${branch}:${path}`),
  };
};

const stateOf = async ({ store }: Host, run: string): Promise<RunState> => {
  const state = await store.state(run);
  if (state === undefined) throw new Error(`there is no run ${run}`);
  return state;
};

const landing = (repo: string, commit: string): Landing => {
  const text = git(repo, "log", "-1", "--format=%(trailers:only,unfold)", commit);
  return {
    commit,
    tree: git(repo, "rev-parse", `${commit}^{tree}`),
    baseTree: git(repo, "rev-parse", `${commit}^1^{tree}`),
    change: git(repo, "rev-parse", `${commit}^2`),
    trailers: Object.fromEntries(
      text
        .split("\n")
        .filter((line) => line.includes(": "))
        .map((line) => line.split(/: (.*)/s).slice(0, 2)),
    ),
  };
};

const allEvents = async ({ store }: Host, run: string): Promise<StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for (;;) {
    const more = await store.events(run, events.length);
    if (more.length === 0) return events;
    events.push(...more);
  }
};

const waitFor = async (
  host: Host,
  run: string,
  what: string,
  enough: (state: RunState) => boolean,
): Promise<RunState> => {
  const found = Promise.withResolvers<RunState>();
  const look = async () => {
    const state = await stateOf(host, run);
    if (state.run.status === "failed" && !enough(state)) {
      found.reject(new Error(`waiting for ${what}: the run failed: ${state.run.reasons.join()}`));
    }
    if (enough(state)) found.resolve(state);
  };
  const stop = host.store.onCommit((committed) => {
    if (committed === run) look().catch(found.reject);
  });
  const timer = setTimeout(
    () => found.reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)),
    PATIENCE_MS,
  );
  try {
    await look();
    return await found.promise;
  } catch (cause) {
    const tail = (await allEvents(host, run))
      .slice(-12)
      .map((e) => JSON.stringify(e).slice(0, 400));
    throw new Error(
      `${(cause as Error).message}\n${tail.join("\n")}\n${host.logged.slice(-10).join("\n")}`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    stop();
  }
};
