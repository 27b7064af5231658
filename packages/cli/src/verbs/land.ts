import { integrationBranch, isGreen, plainLine, type RunState } from "@headrace/domain";
import { type LandAnswer, landInto } from "@headrace/repo";
import { quoted } from "../command.ts";
import { type DataDir, dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { factoryRepoDir } from "../factory/repos.ts";
import { standing } from "../view/report.ts";
import { text, type VerbAction } from "../world.ts";

/** Merges a run's integration branch into the user's branch, after a last look at what stands behind its tip. */
export const land: VerbAction = async (world, [id = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  const state = await reader.run(id);
  if (!isVerified(state)) {
    world.err(
      `headrace: run ${id} has landed nothing that is verified\n  See: ${data.command(`status ${id}`)}`,
    );
    return 1;
  }
  const { run } = state;
  const into = text(options, "into");
  const answer = await landInto({
    path: run.repo.path,
    commit: run.tip,
    mode: "merge",
    message: `Merge ${integrationBranch(id)}: ${plainLine(run.title, 100)}\n`,
    ...(into === undefined ? {} : { into }),
  });
  const branch = integrationBranch(id);
  if (answer.outcome === "landed") {
    world.out(`${branch} is merged into ${answer.branch} as ${answer.commit}`);
    if (run.status !== "complete") world.out(`  note: ${standing(run)}`);
    if (answer.onto !== run.base)
      world.out(
        `  note: ${answer.branch} had moved on since the run began, so no gate has run on the merge: ${data.command(`check --repo ${quoted(run.repo.path)}`)}`,
      );
    return 0;
  }
  if (answer.outcome === "already") {
    world.out(`${answer.branch} holds ${branch} already`);
    return 0;
  }
  const [why, remedy] = refusal(answer, state, data);
  world.err(`headrace: ${plainLine(why, 1000)}; nothing was changed\n  ${remedy}`);
  return 1;
};

type Refused = Exclude<LandAnswer, { outcome: "landed" | "already" }>;

/** Why nothing was merged, and what to do. */
const refusal = (answer: Refused, { run }: RunState, data: DataDir): [string, string] => {
  switch (answer.outcome) {
    case "refused":
      return [answer.reason, answer.remedy];
    case "missing":
      return [
        `${integrationBranch(run.id)} is not in ${answer.path}: it was moved, deleted or never exported`,
        `Have it again, then land: git -C ${quoted(answer.path)} fetch ${quoted(factoryRepoDir(data.repos, run.repo.path))} ${run.tip}`,
      ];
    case "conflict":
      return [
        `it conflicts with ${answer.branch} in ${answer.files.join(", ")}`,
        `Merge it by hand: git merge ${integrationBranch(run.id)}`,
      ];
  }
};

/** The tip is the landing of some task, with a green receipt of its own. */
const isVerified = ({ run, tasks, receipts }: RunState): boolean => {
  const last = Object.values(tasks).find((t) => t.landing?.commit === run.tip);
  const receipt = last?.landing && receipts[last.landing.receipt];
  return receipt !== undefined && isGreen(receipt);
};
