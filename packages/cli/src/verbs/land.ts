import { integrationBranch, isGreen, type RunState } from "@headrace/domain";
import { landInto } from "@headrace/repo";
import { dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { safe } from "../view/safe.ts";
import { text, type VerbAction } from "../world.ts";

/** Merges a run's integration branch into the user's branch, after a last look at what stands behind its tip. */
export const land: VerbAction = async (world, [id = ""], options) => {
  await using reader = await openReader(dataDir(text(options, "data"), world.env));
  const state = await reader.run(id);
  if (!isVerified(state)) {
    world.err(
      `headrace: run ${id} has landed nothing that is verified\n  See: headrace status ${id}`,
    );
    return 1;
  }
  const { run } = state;
  const into = text(options, "into");
  const answer = await landInto({
    path: run.repo.path,
    commit: run.tip,
    mode: "merge",
    message: `Merge ${integrationBranch(id)}: ${safe(run.title, 100)}\n`,
    ...(into === undefined ? {} : { into }),
  });
  const branch = integrationBranch(id);
  if (answer.outcome === "landed") {
    world.out(`${branch} is merged into ${answer.branch} as ${answer.commit}`);
    return 0;
  }
  if (answer.outcome === "already") {
    world.out(`${answer.branch} holds ${branch} already`);
    return 0;
  }
  const [why, remedy] =
    answer.outcome === "refused"
      ? [answer.reason, answer.remedy]
      : [
          `it conflicts with ${answer.branch} in ${answer.files.join(", ")}`,
          `Merge it by hand: git merge ${branch}`,
        ];
  world.err(`headrace: ${safe(why, 1000)}; nothing was changed\n  ${remedy}`);
  return 1;
};

/** The tip is the landing of some task, with a green receipt of its own. */
const isVerified = ({ run, tasks, receipts }: RunState): boolean => {
  const last = Object.values(tasks).find((t) => t.landing?.commit === run.tip);
  const receipt = last?.landing && receipts[last.landing.receipt];
  return receipt !== undefined && isGreen(receipt);
};
