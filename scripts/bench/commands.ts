import { createHeadrace, run } from "./shell.ts";
import { median, milliseconds, type Row } from "./table.ts";

const STARTS = 15;
const STATUSES = 10;
const HELP_GOAL_MS = 150;

/** How long commands take that a person waits for; taken in turns, so that all meet the same machine. */
export const measureCommands = async (data: string, signal: AbortSignal): Promise<Row[]> => {
  const headrace = createHeadrace(data, signal);
  const node: number[] = [];
  const help: number[] = [];
  const status: number[] = [];
  for (let i = 0; i < STARTS; i += 1) {
    node.push((await run(process.execPath, ["-e", "0"], { signal })).ms);
    help.push((await headrace.help()).ms);
    if (i < STATUSES) status.push((await headrace.status()).ms);
  }
  const row = (what: string, times: number[], note: string): Row => ({
    what,
    figure: milliseconds(median(times)),
    samples: times.length,
    note,
  });
  const ratio = (times: number[]) => `${(median(times) / median(node)).toFixed(1)} x node -e 0`;
  const goal = `goal < ${milliseconds(HELP_GOAL_MS)}: ${median(help) < HELP_GOAL_MS ? "met" : "missed"}`;
  return [
    row("node -e 0", node, "what any command of Node takes here"),
    row("headrace --help", help, `${ratio(help)}; ${goal}`),
    row("headrace status", status, `${ratio(status)}; no factory, one finished run`),
  ];
};
