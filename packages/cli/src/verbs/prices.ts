import type { Candidate } from "@headrace/domain";
import { checkPrices, listOf, PRICES, type PriceRow, rowInForce } from "@headrace/models";
import { dataDir } from "../data-dir.ts";
import { type Installation, readInstallation, userConfigFile } from "../user-config.ts";
import { priceJson, priceLines, type ShownPrice } from "../view/price-lines.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** What models cost, by the built-in table and the person's own rows; `--check` looks for mistakes, 1 where there are. */
export const prices: VerbAction = async (world, _operands, options) => {
  const data = dataDir(text(options, "data"), world.env);
  const installation = await readInstallation({ env: world.env, dataDir: data.root });
  const today = new Date();
  const json = flag(options, "json");
  if (flag(options, "check")) {
    const problems = problemsOf(installation, userConfigFile(data.root), today);
    if (json) world.out(JSON.stringify({ problems }));
    else for (const line of problems) world.out(line);
    if (!json && problems.length === 0) world.out(inOrder(installation));
    return problems.length === 0 ? 0 : 1;
  }
  const shown = shownOf(installation, today);
  if (json) world.out(JSON.stringify(shown.map(priceJson)));
  else for (const line of priceLines(shown)) world.out(line);
  return 0;
};

const shownOf = ({ config, routing }: Installation, at: Date): ShownPrice[] => {
  const table = [...PRICES, ...config.prices];
  const usedBy = (row: PriceRow): string[] => [
    ...new Set(
      [...routing.models.values()]
        .filter(({ model }) => rowInForce(table, model, at) === row)
        .map(({ provider }) => provider),
    ),
  ];
  return table.map((row) => {
    const list = listOf(row);
    return {
      row,
      providers: list === undefined ? usedBy(row) : [list],
      whose: list === undefined ? "yours" : "shipped",
      inForce: rowInForce(table, row.model, at) === row,
    };
  });
};

/** The configured models that some route or override leads to, by their names. */
const routed = ({ routing }: Installation): [string, Candidate][] => {
  const entries = [...Object.values(routing.routes), ...routing.overrides].flatMap(
    (route) => route?.models ?? [],
  );
  const names = new Set(entries.map(({ model }) => model));
  return [...routing.models].filter(([name]) => names.has(name));
};

const problemsOf = (installation: Installation, file: string, at: Date): string[] => {
  const { config, prices: book } = installation;
  const rows = checkPrices(config.prices, PRICES).map(
    ({ row, model, problem }) => `${file}: prices[${row}] (${model}): ${problem}`,
  );
  const unpriced = routed(installation)
    .filter(([, { model }]) => book.worstCase(model, 1, 1, at) === undefined)
    .map(
      ([name, { model }]) =>
        `${file}: models.${name}: no price is in force for ${model}: add one under \`prices\`, or set budgets.tokens`,
    );
  // a budget in tokens holds what has no price
  return config.budgets.tokens === undefined ? [...rows, ...unpriced] : rows;
};

const inOrder = (installation: Installation): string =>
  `in order (rows of yours: ${installation.config.prices.length}, models that routes lead to: ${routed(installation).length})`;
