import { formatUsd, plainLine, type RunState } from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { connect } from "../factory/control-file.ts";
import { openReader } from "../factory/reader.ts";
import { reportLines } from "../view/report.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** One run as a report, or all runs one a line. */
export const status: VerbAction = async (world, [id], options) => {
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  const tellStanding = async (states: readonly RunState[]): Promise<void> => {
    const waits = states.find(({ run }) => run.status === "active" || run.status === "queued");
    if (waits !== undefined && (await connect(data)) === undefined)
      world.err(
        `headrace: no factory works now; start one: ${data.command(`resume ${waits.run.id}`)}`,
      );
  };
  if (id !== undefined) {
    const state = await reader.run(id);
    if (flag(options, "json")) world.out(JSON.stringify(state));
    else for (const line of reportLines(state, data.command)) world.out(line);
    await tellStanding([state]);
    return 0;
  }
  const states = await reader.runs();
  if (flag(options, "json")) world.out(JSON.stringify(states.map((s) => s.run)));
  else if (states.length === 0)
    world.out(`no runs yet; start one: ${data.command("run spec.md --repo DIR")}`);
  else for (const state of states) world.out(summary(state));
  await tellStanding(states);
  return 0;
};

const summary = ({ run, tasks }: RunState): string => {
  const rows = Object.values(tasks);
  const landed = rows.filter((t) => t.status === "landed").length;
  const spent = `${formatUsd(run.spent)} of ${formatUsd(run.budget)}`;
  return `${run.id.padEnd(28)} ${run.status.padEnd(10)} ${`${landed}/${rows.length} landed`.padEnd(14)} ${spent.padEnd(18)} ${plainLine(run.title, 60)}`;
};
