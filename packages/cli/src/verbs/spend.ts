import {
  type RunState,
  type SpentCall,
  spentCalls,
  sumByKind,
  sumSpend,
  taskCounts,
  UserError,
} from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { openSpend, type SpendRecords } from "../factory/spend-records.ts";
import { dailyLines, unmetLines } from "../view/exhaust-lines.ts";
import { dailyRows, unmetRows } from "../view/exhaust-views.ts";
import { callsCsv, dailyCsv, demandCsv, triesCsv, unmetCsv } from "../view/spend-csv.ts";
import { keysOf, kindLines, type SplitRow, spendLines, splitLines } from "../view/spend-lines.ts";
import { flag, type Options, text, type VerbAction } from "../world.ts";

const SPLITS = ["run", "task", "role", "model", "kind"] as const;
const VIEWS = ["daily", "unmet"] as const;
const TABLES = ["calls", "tries", "demand", ...VIEWS] as const;

/** What runs cost and what it came to; nothing is called and nothing is written. */
export const spend: VerbAction = async (world, [run], options) => {
  const by = oneOf(options, "by", SPLITS);
  const view = oneOf(options, "view", VIEWS);
  const csv = options.csv === true ? "calls" : oneOf(options, "csv", TABLES);
  const json = flag(options, "json");
  if ([by, view, csv].filter(Boolean).length > 1 || (json && csv !== undefined))
    throw new UserError(
      "--by, --view and --csv each say what is printed",
      "Give one of them; --json goes with --by and --view.",
    );
  await using records = await openSpend(dataDir(text(options, "data"), world.env), run);
  const lines =
    csv !== undefined
      ? csvOf[csv](records)
      : view !== undefined
        ? viewLines(records, view, json)
        : spendOf(records, by ?? (run === undefined ? "run" : undefined), json);
  for (const line of await lines) world.out(line);
  return 0;
};

const oneOf = <T extends string>(
  options: Options,
  name: string,
  known: readonly T[],
): T | undefined => {
  const given = text(options, name);
  if (given === undefined) return undefined;
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  throw new UserError(`--${name} ${given} is not known`, `Give one of: ${known.join(", ")}.`);
};

const allCalls = async (records: SpendRecords): Promise<SpentCall[]> =>
  (await records.spend()).flatMap(spentCalls);

const csvOf: Record<(typeof TABLES)[number], (records: SpendRecords) => Promise<string[]>> = {
  calls: async (records) => callsCsv(await allCalls(records)),
  async tries(records) {
    const states = new Map(records.states.map((state) => [state.run.id, state]));
    return triesCsv((await records.exhaust()).tries, states);
  },
  demand: async (records) => demandCsv((await records.exhaust()).demand),
  daily: async (records) => dailyCsv(dailyRows(await records.exhaust())),
  unmet: async (records) => unmetCsv(unmetRows((await records.exhaust()).demand)),
};

const viewLines = async (
  records: SpendRecords,
  view: (typeof VIEWS)[number],
  json: boolean,
): Promise<string[]> => {
  const exhaust = await records.exhaust();
  if (view === "daily") {
    const rows = dailyRows(exhaust);
    return json ? [JSON.stringify(rows)] : dailyLines(rows);
  }
  const rows = unmetRows(exhaust.demand);
  const decisions = exhaust.demand.length;
  return json ? [JSON.stringify({ decisions, rows })] : unmetLines(rows, decisions);
};

const spendOf = async (
  records: SpendRecords,
  by: (typeof SPLITS)[number] | undefined,
  json: boolean,
): Promise<string[]> => {
  const { states } = records;
  const spent = await allCalls(records);
  if (spent.length === 0 && !json) return [nothingSpent(states)];
  const sum = sumSpend(spent);
  const kinds = sumByKind(spent);
  const rows = by === undefined || by === "kind" ? [] : splitOf(spent, by, states.length > 1);
  if (json) {
    const split = by === "kind" ? { kind: kinds } : by === undefined ? {} : { [by]: rows };
    return [JSON.stringify({ ...UNITS, ...sum, tasks: taskCounts(states), by: split })];
  }
  const split = by === undefined ? [] : by === "kind" ? kindLines(kinds) : splitLines(by, rows);
  const [only] = states;
  const what =
    states.length === 1 ? `run ${only?.run.id} is ${only?.run.status}` : `${states.length} runs`;
  return [what, ...spendLines(sum, states), ...(split.length === 0 ? [] : ["", ...split])];
};

const nothingSpent = ([only, ...more]: RunState[]): string =>
  only !== undefined && more.length === 0
    ? `run ${only.run.id} is ${only.run.status}: nothing has been spent yet`
    : "nothing has been spent yet";

/** Amounts are whole numbers of these. */
const UNITS = { units: { amounts: "pico-dollars", work: "1e-9 work units" } };

const splitOf = (
  spent: readonly SpentCall[],
  by: keyof typeof keysOf,
  ofSeveral: boolean,
): SplitRow[] => {
  const groups = Map.groupBy(spent, (one) =>
    by === "task" && ofSeveral ? `${one.call.run}/${one.subject}` : keysOf[by](one),
  );
  return [...groups].map(([key, calls]) => ({ key, ...sumSpend(calls) }));
};
