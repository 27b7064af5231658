import { canonicalJson, ROW_KINDS, type RunState } from "@headrace/domain";
import { type Log, sha256 } from "./log.ts";
import { type AuditOptions, type StoredRun, type Tally, Violation } from "./records.ts";

/** A row's text in one form; undefined where it is no JSON. */
const canonical = (text: string): string | undefined => {
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return undefined;
  }
};

/** Every row is what the log folds to, no more and no less. */
const checkFolded = ({ head, rows }: StoredRun, state: RunState, tally: Tally): void => {
  const { run } = state;
  if (rows === undefined) return;
  if (canonical(head?.body ?? "") !== canonicalJson(run))
    throw new Violation(`row of run ${run.id}`, "is not what its events say");
  const held = new Map(rows.map(({ kind, id, body }) => [`${kind}/${id}`, body]));
  for (const kind of ROW_KINDS)
    for (const [id, row] of Object.entries(state[kind])) {
      const name = `${kind}/${id}`;
      const text = held.get(name);
      if (text === undefined) throw new Violation(`row ${name} of run ${run.id}`, "is missing");
      if (canonical(text) !== canonicalJson(row))
        throw new Violation(`row ${name} of run ${run.id}`, "is not what its events say");
      held.delete(name);
    }
  for (const name of held.keys())
    throw new Violation(`row ${name} of run ${run.id}`, "no event made it");
  tally.add("rows are what the events say", rows.length + 1);
};

/** The text that a transcript is hashed as: its parts in order, each in one form. */
const transcriptText = (bodies: readonly string[]): string =>
  bodies.map((body) => canonical(body) ?? "").join("\n");

/** What was said in a step that has ended is what was said when it ended. */
const checkTranscripts = ({ records }: StoredRun, { entries }: Log, tally: Tally): void => {
  if (records === undefined) return;
  for (const { event } of entries) {
    if (event.type !== "step.finished" || event.transcript === undefined) continue;
    const parts = records.filter(({ step }) => step === event.step);
    if (sha256(transcriptText(parts.map(({ body }) => body))) !== event.transcript)
      throw new Violation(`transcript of step ${event.step}`, "is not what it was at its end");
    tally.add("transcripts are what they were when their steps ended");
  }
};

export const checkRows = ({ stored }: AuditOptions, log: Log, tally: Tally): void => {
  if (stored.rows === undefined || stored.records === undefined)
    tally.note("an archive holds no rows and no transcripts: they were not compared with the log");
  checkFolded(stored, log.state, tally);
  checkTranscripts(stored, log, tally);
};
