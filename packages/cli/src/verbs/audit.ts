import { type AuditReport, auditRun } from "@headrace/attest";
import { plainLine } from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { openArchivedRecords, openRunRecords } from "../factory/run-records.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** Shows from the records of a run alone that nothing of them was edited; 1 with the first thing that was. */
export const audit: VerbAction = async (world, [run = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  const [from, key] = [text(options, "from"), text(options, "key")];
  await using records =
    from === undefined
      ? await openRunRecords(data, run, key)
      : await openArchivedRecords(from, run, key);
  const report = await auditRun(records);
  if (flag(options, "json")) world.out(JSON.stringify(report));
  else for (const line of reportLines(report)) world.out(line);
  return report.ok ? 0 : 1;
};

const reportLines = ({ run, ok, key, checked, violation, notes }: AuditReport): string[] => [
  ...checked.map(({ what, count }) => `${String(count).padStart(7)}  ${what}`),
  ...notes.map((note) => `   note: ${plainLine(note, 1000)}`),
  ...(key === undefined ? [] : [`   key:  ${key}`]),
  ok
    ? `run ${run}: its records and its branch agree, and nothing was edited without that key`
    : `run ${run}: ${plainLine(violation?.object ?? "", 500)}: ${plainLine(violation?.reason ?? "", 1000)}`,
];
