import type { Gate } from "@headrace/domain";
import { z } from "zod";
import { withinTime } from "../within-time.ts";
import { REPORTS_VARIABLE } from "./gate-reporting.ts";
import { readJUnit } from "./junit.ts";
import {
  boundTold,
  reportOf,
  type TestReport,
  type Told,
  UnreadableReport,
} from "./test-report.ts";
import { readCargo, readGo, type TextForm } from "./text-forms.ts";

/** `none`: no runner that is known ran. `unreadable` is said of what a runner began, and never counts as green. */
export type ReportAnswer =
  | { kind: "none" }
  | { kind: "unreadable"; reason: string }
  | { kind: "report"; report: TestReport };

const Begin = z.object({
  begin: z.string(),
  runner: z.string().regex(/^[a-z:]{1,20}$/),
  /** of a text form: what its tests are part of */
  where: z.string().optional(),
});
const Test = z.object({
  test: z.string(),
  outcome: z.enum(["passed", "failed", "skipped", "todo"]),
});
const End = z.object({ end: z.string(), count: z.number().int() });

const UNFINISHED = "the runner began and did not finish its report";

const parse = <T>(schema: z.ZodType<T>, line: string | undefined, otherwise: string): T => {
  try {
    return schema.parse(JSON.parse(line ?? ""));
  } catch (cause) {
    throw new UnreadableReport(otherwise, { cause });
  }
};

const TEXT_FORMS: ReadonlyMap<string, TextForm> = new Map([
  ["go", readGo],
  ["cargo", readCargo],
]);

const readLine = (line: string): Told => {
  const { test, outcome } = parse(Test, line, "a line of it cannot be read");
  return { name: test, outcome };
};

const readOne = (bytes: Uint8Array, nonce: string): { runner: string; told: Told[] } => {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const { begin, runner, where } = parse(Begin, lines[0], "it does not begin as a report does");
  if (begin !== nonce) throw new UnreadableReport("it is not of this gate");
  // every line ends, the last one too
  if (lines.length < 3 || lines.at(-1) !== "") throw new UnreadableReport(UNFINISHED);
  const { end, count } = parse(End, lines.at(-2), UNFINISHED);
  if (end !== nonce) throw new UnreadableReport("it does not end as it began");
  const body = lines.slice(1, -2);
  if (body.length !== count)
    throw new UnreadableReport(`it holds ${body.length} lines and says that there are ${count}`);
  const told = TEXT_FORMS.get(runner)?.(body) ?? body.map(readLine);
  if (told === "unfinished") throw new UnreadableReport(UNFINISHED);
  const inside = where === undefined ? "" : `${where} > `;
  return { runner, told: told.map(({ name, outcome }) => ({ name: inside + name, outcome })) };
};

type File = { name: string; readonly bytes: Uint8Array };

/** As much as may be reported is read in a few seconds on a busy machine, by a worker that does nothing else meanwhile. */
const MAX_MS = 10_000;

const isXml = ({ name }: File): boolean => name.endsWith(".xml");

/** Of a command that writes JUnit XML, what lies there besides is none of a report. */
const reportsAmong = (files: readonly File[], report: Gate["report"]): File[] =>
  files.filter((file) => report === undefined || isXml(file) || file.name.endsWith(".report"));

/**
 * What the runners of one gate reported, joined. A report can say that tests failed, were skipped or are fewer; that
 * a gate is green it cannot say. With `report`, the command has to write one of that form as well. Whatever tests may have
 * written there, it is read within ten seconds, or it is unreadable.
 */
export const readReports = (
  found: readonly File[],
  nonce: string,
  report?: Gate["report"],
): ReportAnswer =>
  withinTime(MAX_MS, () => readAll(found, nonce, report)) ?? {
    kind: "unreadable",
    reason: "it is so large or so odd that reading it takes too long",
  };

const readAll = (found: readonly File[], nonce: string, report: Gate["report"]): ReportAnswer => {
  const files = reportsAmong(found, report);
  if (report !== undefined && !files.some(isXml))
    return { kind: "unreadable", reason: `there is no JUnit XML in $${REPORTS_VARIABLE}` };
  if (files.length === 0) return { kind: "none" };
  const runners = new Set<string>();
  const told: Told[] = [];
  for (const file of files) {
    try {
      const one =
        report !== undefined && isXml(file)
          ? { runner: report, told: readJUnit(file.bytes) }
          : readOne(file.bytes, nonce);
      boundTold(told.length + one.told.length);
      runners.add(one.runner);
      // not all at once: there may be more of them than a call takes
      for (const test of one.told) told.push(test);
    } catch (error) {
      if (!(error instanceof UnreadableReport)) throw error;
      return { kind: "unreadable", reason: `${error.message} (${file.name})` };
    }
  }
  return { kind: "report", report: reportOf([...runners].sort().join(", "), told) };
};
