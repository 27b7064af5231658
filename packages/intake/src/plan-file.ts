import {
  Ambiguity,
  PlanProposal,
  ProposedGate,
  ProposedRequirement,
  plainJson,
  plainLine,
  plainText,
  type Requirement,
  spanWords,
  Task,
  UserError,
} from "@headrace/domain";
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  Scalar,
  visit,
} from "yaml";
import { z } from "zod";
import { type FieldTable, readFields } from "./yaml-fields.ts";

/** A plan as it stands in a file: YAML, or the JSON that `submit_plan` takes, which is YAML as well. */
const PlanFile = z.strictObject({
  ...PlanProposal.shape,
  tasks: z.array(z.strictObject(Task.shape)).min(1).max(60),
  requirements: z.array(z.strictObject(ProposedRequirement.shape)).max(100).default([]),
  gates: z.array(z.strictObject(ProposedGate.shape)).max(32).default([]),
  ambiguities: z.array(z.strictObject(Ambiguity.shape)).max(30).optional(),
});

const TASK_EXAMPLE = `tasks:
  - id: parse
    title: Parse CSV lines
    description: Export parseLine(text) from src/parse.js ...
    acceptance: ["a quoted field may hold a comma"]
    requirements: [r1]
    blockedBy: []`;

const TABLE: FieldTable<PlanProposal> = {
  schema: PlanFile,
  examples: {
    summary: "summary: What is built, and in which order.",
    ambiguities:
      "ambiguities:\n  - question: Are empty fields numbers?\n    answer: No, they count as missing.",
    notDoing: "notDoing:\n  - reading files that are not UTF-8",
    requirements:
      "requirements:\n  - id: r1\n    text: Quoted fields are kept.\n    quote: a sentence of the spec, word for word",
    setup: "setup:\n  - npm ci",
    gates: "gates:\n  - name: test\n    run: npm test\n    timeoutS: 600",
    tasks: TASK_EXAMPLE,
  },
  unsupported: {},
};

type Source = { file: string; text: string };

/** Reads a plan; throws `UserError` with file, line, field and remedy. */
export const parsePlan = ({ file, text }: Source): PlanProposal =>
  readFields<PlanProposal>({ file, text, firstLine: 1 }, TABLE);

/** What `checkPlan` objects to in a plan that was read from a file, each at the line of the task it names. */
export const planFileError = ({ file, text }: Source, problems: readonly string[]): UserError => {
  const lines = new LineCounter();
  const tasks = parseDocument(text, { lineCounter: lines }).get("tasks");
  const lineOf = (id: string | undefined): string => {
    const task = isSeq(tasks)
      ? tasks.items.find((item) => isMap(item) && item.get("id") === id)
      : undefined;
    const start = isMap(task) ? task.range?.[0] : undefined;
    return start === undefined ? file : `${file}:${lines.linePos(start).line}`;
  };
  const told = problems.map(
    (problem) => `${lineOf(/^Task (?:id )?([a-z0-9-]+)/.exec(problem)?.[1])}: ${problem}`,
  );
  return new UserError(told.join("\n"), "Mend the plan; nothing was started.");
};

const FIELDS = `Every task is built by somebody who is told nothing but what stands here.
  id            names its branch and commits
  description   what to build and how it behaves
  acceptance    what the reviewer checks
  requirements  those of the spec that it meets
  blockedBy     tasks that must have landed before it begins; the others run side by side
  paths         files it is expected to touch; a hint
  research      a question about the code base that is answered first
  fix           true: its new tests must fail without it
  permits       lockfile, gates:<name> or path:<glob>: what it may change beyond product and tests`;

const COMMENTS: Readonly<Record<string, string>> = {
  ambiguities:
    "What the spec leaves open, and how the plan reads it. Coders are told the answers as they stand here.",
  notDoing: "What will not be built.",
  requirements: "Each with a sentence of the spec, word for word: that it stands there is checked.",
  setup: "Commands that install dependencies.",
  gates: "Commands that decide, exit 0 for green; `from`: only once that task has landed.",
  tasks: FIELDS,
};

/** Fields in the order in which a person reads them; lists that are empty are left out. */
const ORDER: readonly (keyof PlanProposal)[] = [
  ...(["summary", "ambiguities", "notDoing", "requirements", "setup", "gates", "tasks"] as const),
];
const TASK_ORDER: readonly (keyof Task)[] = [
  ...(["id", "title", "description", "acceptance", "requirements", "blockedBy"] as const),
  ...(["paths", "research", "fix", "permits"] as const),
];

const inOrder = (fields: Readonly<Record<string, unknown>>, order: readonly string[]) =>
  Object.fromEntries(
    order.flatMap((key) => {
      const value = fields[key];
      const empty = value === undefined || (Array.isArray(value) && value.length === 0);
      return empty ? [] : [[key, value]];
    }),
  );

/** Words behind `#`, whose every line is one of the comment. */
const comment = (lines: readonly string[]): string =>
  plainText(lines.join("\n")).replaceAll(/^(?=.)/gm, " ");

/** Whoever wrote them: characters that would drive a terminal are written as escapes. */
const withoutActing = (doc: Document): string => {
  visit(doc, {
    Scalar(_, node) {
      if (typeof node.value === "string" && plainText(node.value) !== node.value)
        node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return plainJson(doc.toString({ lineWidth: 0 }));
};

/**
 * A plan as a file that a person reads, edits and hands in again: `parsePlan` gives back what was written. `about`: lines
 * for its head; `listed`: requirements that the spec itself lists, which no plan can change.
 */
export const writePlan = (
  plan: PlanProposal,
  { about, listed }: { about: readonly string[]; listed: readonly Requirement[] },
): string => {
  const tasks = plan.tasks.map((task) => inOrder(task, TASK_ORDER));
  const doc = new Document(inOrder({ ...plan, tasks }, ORDER));
  const fixed = listed.map(
    ({ id, text, span }) => `  ${id} (${spanWords(span)}): ${plainLine(text, 1000)}`,
  );
  const head = fixed.length === 0 ? [] : ["", "Requirements, as the spec lists them:", ...fixed];
  doc.commentBefore = comment([...about, ...head]);
  if (isMap(doc.contents))
    for (const { key } of doc.contents.items as Pair[]) {
      const words = isScalar(key) ? COMMENTS[String(key.value)] : undefined;
      if (!isScalar(key) || words === undefined) continue;
      key.spaceBefore = true;
      key.commentBefore = comment([words]);
    }
  return withoutActing(doc);
};
