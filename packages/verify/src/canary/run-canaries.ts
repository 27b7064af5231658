import {
  type Canary,
  type FactoryRepo,
  type Gate,
  type GateCanary,
  InfrastructureError,
} from "@headrace/domain";
import { gateScope } from "../gate-scripts.ts";
import { type GateBench, type GateRun, runGate } from "../run-gates.ts";
import { tarOfTree } from "../tree-tar.ts";
import { twoAtATime } from "../two-at-a-time.ts";
import { brokenFiles } from "./broken-files.ts";

/** The tree that gates pass on, and where bad ones are made from it. */
export type CanaryGround = {
  repo: Pick<FactoryRepo, "alter" | "commit" | "list" | "read" | "tar">;
  commit: string;
};

/** Where gates run, but for the trees: those are bad ones here. */
export type CanaryBench = Omit<GateBench, "tar" | "permits">;

/** A tree that a gate must be red on, and in words what is bad in it. */
type BadTree = { tree: string; told: string; tar: Uint8Array };

/**
 * Runs each of `gates`, which passed on the ground's tree, on a tree that is known to be bad: with the gate's own patch,
 * or with every source file broken. Answers in their order; `tests` of the ground's tree come in as the bench's baseline.
 * Throws `InfrastructureError` where one could not be run; rejects when aborted.
 */
export const runCanaries = async (
  bench: CanaryBench,
  ground: CanaryGround,
  gates: readonly Gate[],
): Promise<GateCanary[]> => {
  const byDefault = gates.filter(({ canary }) => canary === undefined);
  const broken = byDefault.length === 0 ? undefined : await brokenTree(ground, byDefault);
  return twoAtATime(gates, async (gate) => {
    const canary = await canaryOf(bench, ground, { gate, broken });
    return { gate: gate.name, ...canary };
  });
};

const canaryOf = async (
  bench: CanaryBench,
  ground: CanaryGround,
  { gate, broken }: { gate: Gate; broken: BadTree | undefined },
): Promise<Canary> => {
  if (gate.canary === "off") return { outcome: "off", detail: "switched off by `canary: off`" };
  const bad = gate.canary === undefined ? broken : await patched(ground, gate.canary.patch);
  if (bad === undefined) {
    const why = gate.canary === undefined ? "there is no source file to break" : DOES_NOT_FIT;
    return { outcome: "none", detail: why };
  }
  const { result } = await runGate({ ...bench, tar: bad.tar }, gate);
  if (result.verdict === "infra_error") throw new InfrastructureError(result.reason);
  const detail = `${result.reason}, with ${bad.told}`.slice(0, 2000);
  return { outcome: outcomeOf(result), detail, tree: bad.tree };
};

/** Of a base it was asked before anything began; a gate that is green only later meets another tree. */
const DOES_NOT_FIT = "its patch does not apply to this tree";

/** A runner that finds no test in what is broken has looked at it; a command that cannot be run has not. */
const outcomeOf = ({ verdict, exitCode }: GateRun["result"]): Canary["outcome"] => {
  if (verdict === "pass") return "green";
  return exitCode === 126 || exitCode === 127 ? "not_run" : "red";
};

const brokenTree = async (
  ground: CanaryGround,
  gates: readonly Gate[],
): Promise<BadTree | undefined> => {
  const { repo, commit } = ground;
  const files = (await repo.list(commit)).filter(({ mode }) => mode.startsWith("100"));
  const paths = files.map(({ path }) => path);
  const known = new Set(paths);
  const scope = await gateScope(gates, {
    has: (path) => known.has(path),
    read: async (path) => {
      const bytes = await repo.read(commit, path);
      return bytes && new TextDecoder().decode(bytes);
    },
  });
  const broken = brokenFiles(paths, scope.files);
  if (broken === undefined) return undefined;
  const altered = await repo.alter(commit, { files: broken.files });
  if (altered.outcome === "unfit") throw new Error(altered.reason);
  const { tree } = altered;
  return { tree, told: `syntax errors in ${broken.told}`, tar: await tarOfTree(repo, tree) };
};

const patched = async (ground: CanaryGround, patch: string): Promise<BadTree | undefined> => {
  const altered = await ground.repo.alter(ground.commit, { patch });
  if (altered.outcome === "unfit") return undefined;
  const { tree } = altered;
  return { tree, told: "its own patch applied", tar: await tarOfTree(ground.repo, tree) };
};
