import {
  applicableGates,
  type Canary,
  type EgressRequest,
  type Environment,
  type Gate,
  type GateVerdict,
  isBlind,
  type Policy,
  refusedHosts,
  SANDBOX_UID,
  type Sandboxes,
  type SandboxLabels,
  SetupFailedError,
  type SetupFile,
  type UnreachedHost,
  unreachedHosts,
} from "@headrace/domain";
import { type CanaryBench, type CanaryGround, runCanaries } from "./canary/run-canaries.ts";
import { failing } from "./compare-tests.ts";
import { countTests } from "./count-tests.ts";
import { differingTests } from "./failed-tests.ts";
import { failureHint } from "./hints.ts";
import { type GateBench, type GateRun, runGate } from "./run-gates.ts";

const SETUP_TIMEOUT_MS = 30 * 60_000;
const MAX_OUTPUT = 4000;
const MAX_DIFFERING = 20;
const MAX_WHY = 100;

export type CheckRow = {
  gate: string;
  /** `flaky` when the two runs differ */
  verdict: GateVerdict;
  reason: string;
  /** the slower of both runs */
  durationMs: number;
  /** as the test runner reported, or else as the gate's own output says, which is for people only */
  tests: number | undefined;
  flaky: boolean;
  /** of a flaky one: tests that failed in one run alone, as was reported or as its output says */
  differing?: string[];
  /** anything but a pass in both runs */
  red: boolean;
  /** the end of what a red run printed, or why it could not be run */
  output?: string;
  /** what to do about its usual cause */
  hint?: string;
  /** what it made of a tree that is known to be bad; only of a gate that passed twice */
  canary?: Canary;
};

/** What the base is like before anything is spent on it. */
export type RepositoryCheck = {
  environment:
    | ({ built: true } & Omit<Environment, "env">)
    | { built: false; command: string; exitCode: number | null; log: string };
  /**
   * hosts that set-up asked for; none where an environment was kept from before. `refused` are those that no list
   * names, `unreached` those that a list would not have helped
   */
  network: { reached: string[]; refused: string[]; unreached: UnreachedHost[] };
  rows: CheckRow[];
};

export type CheckInput = {
  sandboxes: Pick<Sandboxes, "environment" | "runGate">;
  policy: Policy;
  /** manifests and lockfiles of the base, and the Dockerfile that policy names */
  files: readonly SetupFile[];
  /** the base, where its tree comes from and bad ones are made from it */
  ground: CanaryGround;
  labels: SandboxLabels;
  onLine?: ((line: string) => void) | undefined;
  /** told of each gate when both runs have ended */
  onRow?: ((row: CheckRow) => void) | undefined;
  signal?: AbortSignal | undefined;
};

const networkOf = (requests: readonly EgressRequest[]): RepositoryCheck["network"] => ({
  reached: [...new Set(requests.filter((r) => r.outcome === "allowed").map((r) => r.host))],
  refused: refusedHosts(requests),
  unreached: unreachedHosts(requests),
});

/** Tests that failed in one of two runs alone: by their reports, or by what was printed where a run has none. */
const differing = (first: GateRun, second: GateRun): string[] => {
  if (first.tests === undefined || second.tests === undefined)
    return differingTests(first.output, second.output);
  const [a, b] = [failing(first.tests), failing(second.tests)];
  const both = new Set(a.filter((name) => b.includes(name)));
  return [...a, ...b].filter((name) => !both.has(name)).slice(0, MAX_DIFFERING);
};

/** Twice, unless the engine or a service failed: the other run would wait as long, and no verdict come of it. */
const runTwice = async (bench: GateBench, gate: Gate): Promise<Runs> => {
  const first = await runGate(bench, gate);
  return [first, first.result.verdict === "infra_error" ? first : await runGate(bench, gate)];
};

const firstLine = (text: string): string => text.trim().split("\n", 1)[0] ?? "";

/** For a column: the whole of it is shown below. */
const clipped = (line: string): string =>
  line.length > MAX_WHY ? `${line.slice(0, MAX_WHY)}...` : line;

const testsOf = ({ tests, output }: GateRun): number | undefined =>
  tests?.length ?? countTests(output);

type Runs = readonly [GateRun, GateRun];

/** Shows the gates that passed twice a bad tree, and gives each row what came of it. */
const withCanaries = async (
  bench: CanaryBench,
  ground: CanaryGround,
  ran: readonly { gate: Gate; runs: Runs; row: CheckRow }[],
): Promise<CheckRow[]> => {
  const green = ran.filter(({ row }) => !row.red && !row.flaky);
  const baseline = green.flatMap(({ gate, runs: [{ tests }] }) =>
    tests === undefined ? [] : [{ gate: gate.name, list: "", outcomes: tests }],
  );
  const gates = green.map(({ gate }) => gate);
  const canaries = await runCanaries({ ...bench, baseline }, ground, gates);
  return ran.map(({ row }) => {
    const shown = canaries.find(({ gate }) => gate === row.gate);
    if (shown === undefined) return row;
    const { gate: _, ...canary } = shown;
    return { ...row, canary };
  });
};

const rowOf = (gate: string, [first, second]: Runs): CheckRow => {
  const verdicts = [first.result.verdict, second.result.verdict];
  const spoilt = verdicts.includes("infra_error");
  const unlike = differing(first, second);
  const reported = first.tests !== undefined && second.tests !== undefined;
  const flaky = !spoilt && (verdicts[0] !== verdicts[1] || (reported && unlike.length > 0));
  const worse =
    first.result.verdict === "pass" || second.result.verdict === "infra_error" ? second : first;
  const red = verdicts.some((verdict) => verdict !== "pass");
  const reason = spoilt
    ? `could not be run: ${clipped(firstLine(worse.output))}`
    : worse.result.reason;
  const hint = red && !spoilt ? failureHint("gate", { ...worse.result, ...worse }) : undefined;
  return {
    gate,
    verdict: flaky ? "flaky" : spoilt ? "infra_error" : worse.result.verdict,
    reason: flaky ? `${first.result.reason}, then ${second.result.reason}` : reason,
    durationMs: Math.max(first.result.durationMs, second.result.durationMs),
    tests: testsOf(first) ?? testsOf(second),
    flaky,
    red,
    ...(flaky ? { differing: unlike } : {}),
    ...(hint === undefined ? {} : { hint }),
    ...(red ? { output: worse.output.slice(-MAX_OUTPUT) } : {}),
  };
};

const build = async (
  input: CheckInput,
  requests: EgressRequest[],
): Promise<RepositoryCheck["environment"] & Pick<Environment, "env">> => {
  const { image, dockerfile, setup, env, limits, isolation, network } = input.policy;
  try {
    const environment = await input.sandboxes.environment(
      {
        image,
        ...(dockerfile === undefined ? {} : { build: { dockerfile, files: input.files } }),
        setup,
        files: input.files.filter(({ path }) => path !== dockerfile),
        env,
        limits,
        isolation,
        hosts: network.setup,
        timeoutMs: SETUP_TIMEOUT_MS,
      },
      { onLine: input.onLine ?? (() => {}), onRequest: (request) => requests.push(request) },
      input.signal,
    );
    return { built: true, ...environment };
  } catch (error) {
    if (!(error instanceof SetupFailedError)) throw error;
    const { command, exitCode, log } = error;
    return { built: false, command, exitCode, log };
  }
};

/** What keeps several gates from being run is told with the first of them. */
const toldOnce = (row: CheckRow, before: readonly { row: CheckRow }[]): CheckRow => {
  if (row.verdict !== "infra_error") return row;
  const first = before.find((one) => one.row.output === row.output)?.row;
  return first === undefined ? row : { ...row, reason: `could not be run, as ${first.gate}` };
};

/** Builds the environment and runs every gate that applies to the base twice. No model is asked. */
export const checkRepository = async (input: CheckInput): Promise<RepositoryCheck> => {
  const requests: EgressRequest[] = [];
  // what an image's variables hold is its own affair
  const { env: imageEnv, ...environment } = await build(input, requests);
  const network = networkOf(requests);
  if (!environment.built) return { environment, network, rows: [] };
  const { sandboxes, policy, labels, signal, ground } = input;
  const bench = { sandboxes, policy, labels, signal, image: environment.image, imageEnv };
  const tar = await ground.repo.tar(ground.commit, { uid: SANDBOX_UID });
  const ran: { gate: Gate; runs: Runs; row: CheckRow }[] = [];
  for (const gate of applicableGates(policy, new Set())) {
    const runs = await runTwice({ ...bench, tar }, gate);
    const row = toldOnce(rowOf(gate.name, runs), ran);
    ran.push({ gate, runs, row });
    input.onRow?.(row);
  }
  return { environment, network, rows: await withCanaries(bench, ground, ran) };
};

/** Whether the base is fit to build on: set up, with at least one gate, all of them green twice and none blind. */
export const isFit = ({ environment, rows }: RepositoryCheck): boolean =>
  environment.built &&
  rows.length > 0 &&
  rows.every(({ red, canary }) => !red && !(canary && isBlind(canary)));
