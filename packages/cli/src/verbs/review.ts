import {
  formatUsd,
  integrationBranch,
  plainLine,
  type RunState,
  slug,
  type TaskRow,
  taskBranch,
} from "@headrace/domain";
import { quoted } from "../command.ts";
import { dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { checksOf } from "../view/check-lines.ts";
import { duration } from "../view/duration.ts";
import { standing } from "../view/report.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** The merged branches in the order they landed, each with what it rests on. */
export const review: VerbAction = async (world, [id = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  const state = await reader.run(id);
  if (flag(options, "json")) {
    world.out(JSON.stringify(packets(state)));
    return 0;
  }
  for (const packet of packets(state)) for (const line of packetLines(packet)) world.out(line);
  if (state.run.tip === state.run.base) {
    world.out(`run ${id} has landed nothing yet; what happened: ${data.command(`log ${id}`)}`);
    return 0;
  }
  const branch = integrationBranch(id);
  world.out("");
  if (state.run.status !== "complete") world.out(`  note: ${standing(state.run)}`);
  const git = `git -C ${quoted(state.run.repo.path)}`;
  world.out(`  ${git} log --first-parent ${branch}`);
  world.out(`  ${git} push origin ${branch}`);
  world.out(`  gh pr create --head ${branch} --title ${quoted(plainLine(state.run.title, 80))}`);
  world.out(`  or merge it here: ${data.command(`land ${id}`)}`);
  return 0;
};

const landedIn = (state: RunState): TaskRow[] =>
  Object.values(state.tasks)
    .filter((t) => t.landing !== undefined)
    .sort((a, b) => (a.landing?.seq ?? 0) - (b.landing?.seq ?? 0));

const packets = (state: RunState) =>
  landedIn(state).map((row) => {
    const receipt = state.receipts[row.landing?.receipt ?? ""];
    return {
      task: row.id,
      title: row.task.title,
      branch: taskBranch(state.run.id, row.id, slug(row.task.title)),
      commit: row.landing?.commit ?? "",
      requirements: state.run.requirements.filter((r) => row.task.requirements.includes(r.id)),
      gates:
        receipt?.results.map(({ gate, verdict, durationMs }) => ({ gate, verdict, durationMs })) ??
        [],
      receipt: row.landing?.receipt ?? "",
      checks: checksOf(state, row).map(({ check, outcome, detail }) => ({
        check,
        outcome,
        detail,
      })),
      ...(row.landing?.part === undefined ? {} : { part: row.landing.part }),
      attempts: row.attempts,
      models: row.models,
      cost: row.spent,
      converted: row.spend?.converted ?? 0,
    };
  });

/** An inner landing of a batch is not claimed to be green alone. */
const together = (part: { index: number; of: number } | undefined): string =>
  part === undefined || part.index === part.of
    ? ""
    : `, of the batch in which this is ${part.index} of ${part.of}`;

const packetLines = (packet: ReturnType<typeof packets>[number]): string[] => [
  "",
  `${packet.task}: ${plainLine(packet.title, 100)}`,
  `  branch    ${packet.branch}`,
  `  landed    ${packet.commit}`,
  ...packet.requirements.map(
    (r) => `  for       ${r.id} (spec line ${r.span.from}): ${plainLine(r.text, 90)}`,
  ),
  `  verified  ${packet.gates.map((g) => `${g.gate} ${g.verdict} in ${duration(g.durationMs)}`).join(", ")} (receipt ${packet.receipt}${together(packet.part)})`,
  ...packet.checks.map(
    ({ check, outcome, detail }) => `  checked   ${check} ${outcome}: ${plainLine(detail, 200)}`,
  ),
  `  took      ${packet.attempts} attempt${packet.attempts === 1 ? "" : "s"}, ${formatUsd(packet.cost)} (${formatUsd(packet.converted)} of it converted), ${packet.models.join(", ")}`,
];
