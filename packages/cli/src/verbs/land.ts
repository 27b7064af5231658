import {
  formatReceiptTrailer,
  integrationBranch,
  isGreen,
  plainLine,
  type RecordedReceipt,
  type RunState,
  TRAILERS,
} from "@headrace/domain";
import { type LandObstacle, type LandPlan, planLanding } from "@headrace/repo";
import { quoted } from "../command.ts";
import { type DataDir, dataDir } from "../data-dir.ts";
import { type FactoryReader, openReader } from "../factory/reader.ts";
import { factoryRepoDir } from "../factory/repos.ts";
import type { AnswerApart } from "../factory/verify-apart.ts";
import { standing } from "../view/report.ts";
import { flag, text, type VerbAction, type World } from "../world.ts";

/** Merges a run's integration branch into the user's branch; what is merged is a tree on which the gates are green. */
export const land: VerbAction = async (world, [id = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  const state = await reader.run(id);
  const receipt = receiptOfTip(state);
  if (receipt === undefined)
    return refused(world, [
      `run ${id} has landed nothing that is verified`,
      `See: ${data.command(`status ${id}`)}`,
    ]);
  const { run } = state;
  const into = text(options, "into");
  const plan = await planLanding({
    path: run.repo.path,
    commit: run.tip,
    mode: flag(options, "fastForward") ? "fast-forward" : "merge",
    ...(into === undefined ? {} : { into }),
  });
  const branch = integrationBranch(id);
  if (plan.outcome === "already") {
    world.out(`${plan.branch} holds ${branch} already`);
    return 0;
  }
  if (plan.outcome !== "ready") return refused(world, obstacle(plan, state, data));
  const unverified = flag(options, "unverified");
  const shown = await show(world, { data, reader, state, receipt, plan, unverified });
  if (!shown.ok) return refused(world, [shown.problem, shown.remedy]);
  const answer = await plan.carryOut(message(state, receipt, shown.says));
  if (answer.outcome === "refused") {
    // whether files were written, its remedy tells
    world.err(`headrace: ${plainLine(answer.reason, 2000)}\n  ${answer.remedy}`);
    return 1;
  }
  world.out(`${branch} is merged into ${answer.branch} as ${answer.commit}`);
  world.out(`  ${shown.says}`);
  if (run.status !== "complete") world.out(`  note: ${standing(run)}`);
  return 0;
};

const refused = (world: World, [why, remedy]: readonly [string, string]): number => {
  world.err(`headrace: ${plainLine(why, 2000)}; nothing was changed\n  ${remedy}`);
  return 1;
};

type Obstacle = Exclude<LandObstacle, { outcome: "already" }>;

/** Why nothing was merged, and what to do. */
const obstacle = (answer: Obstacle, { run }: RunState, data: DataDir): [string, string] => {
  const git = `git -C ${quoted(run.repo.path)}`;
  const branch = integrationBranch(run.id);
  switch (answer.outcome) {
    case "refused":
      return [answer.reason, answer.remedy];
    case "missing":
      return [
        `${branch} is not in ${answer.path}: it was moved, deleted or never exported`,
        `Have it again, then land: ${git} fetch ${quoted(factoryRepoDir(data.repos, run.repo.path))} ${run.tip}`,
      ];
    case "conflict":
      return [
        `it conflicts with ${answer.branch} in ${answer.files.join(", ")}`,
        `Merge it by hand: ${git} switch ${quoted(answer.branch)} && ${git} merge ${branch}`,
      ];
  }
};

/** The green receipt that the tip stands on, as the landing of some task. */
const receiptOfTip = ({ run, tasks, receipts }: RunState): RecordedReceipt | undefined => {
  const last = Object.values(tasks).find((t) => t.landing?.commit === run.tip);
  const receipt = last?.landing && receipts[last.landing.receipt];
  return receipt && isGreen(receipt) ? receipt : undefined;
};

/** `says`: what the merge rests on, for the person and for its message. */
type Shown = { ok: true; says: string } | { ok: false; problem: string; remedy: string };

type Merge = {
  data: DataDir;
  reader: FactoryReader;
  state: RunState;
  receipt: RecordedReceipt;
  plan: LandPlan;
  unverified: boolean;
};

/** A branch that has not moved gets the verified tree itself; what else a merge comes to, gates have to pass first. */
const show = async (world: World, merge: Merge): Promise<Shown> => {
  const { data, state, receipt, plan, unverified } = merge;
  const { tree, branch } = plan;
  if (tree === receipt.key.tree)
    return { ok: true, says: `Its tree is the one that receipt ${receipt.id} verified.` };
  const moved = `${branch} had moved on since the run began`;
  if (unverified)
    return { ok: true, says: `UNVERIFIED: ${moved}, and no gate has run on the merge.` };
  world.out(`${moved}: gates run on the merge before it is made`);
  const { checkMerge } = await import("../factory/check-merge.ts");
  const answer = await checkMerge(world, {
    ...merge,
    onto: plan.onto,
    merged: await plan.candidate(),
  });
  const anyway = `To merge it as it is, marked as unverified: ${data.command(`land ${state.run.id} --unverified`)}`;
  if (answer.outcome === "none")
    return { ok: false, problem: `gates could not be run: ${answer.reason}`, remedy: anyway };
  if (isGreen(answer.receipt)) {
    const gates = receipt.key.gates.join(", ");
    return { ok: true, says: `${moved}; on the merge itself these gates passed: ${gates}.` };
  }
  for (const line of await redLines(answer)) world.err(line);
  const red = answer.receipt.results.filter(({ verdict }) => verdict !== "pass");
  const reasons = red.map(({ gate, verdict, reason }) => `gate ${gate}: ${verdict} (${reason})`);
  return {
    ok: false,
    problem: `the merge with ${branch} is red: ${reasons.join("; ")}`,
    remedy: `Mend ${branch} so that the two are green together, then land again. ${anyway}`,
  };
};

const MAX_LINES = 20;

/** The end of what each red gate printed. */
const redLines = async ({
  receipt,
  blob,
}: Extract<AnswerApart, { outcome: "receipt" }>): Promise<string[]> => {
  const told: string[] = [];
  for (const { gate, verdict, log } of receipt.results) {
    if (verdict === "pass") continue;
    const output = new TextDecoder().decode(await blob(log)).trimEnd();
    told.push(
      `gate ${gate}:`,
      ...output
        .split("\n")
        .slice(-MAX_LINES)
        .map((line) => `  ${line}`),
    );
  }
  return told;
};

const message = ({ run }: RunState, { id, envelope }: RecordedReceipt, says: string): string =>
  [
    `Merge ${integrationBranch(run.id)}: ${plainLine(run.title, 100)}`,
    "",
    says,
    "",
    `${TRAILERS.run}: ${run.id}`,
    `${TRAILERS.receipt}: ${formatReceiptTrailer({ receipt: id, envelope })}`,
    "",
  ].join("\n");
