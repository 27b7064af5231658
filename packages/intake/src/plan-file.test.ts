import { PlanProposal, plainText, UserError } from "@headrace/domain";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePlan, planFileError, writePlan } from "./plan-file.ts";

const read = (text: string) => parsePlan({ file: "plan.yaml", text });

const refused = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
};

const PLAN = PlanProposal.parse({
  summary: "A parser first, then the command.",
  ambiguities: [{ question: "Are empty fields numbers?", answer: "No, they are missing." }],
  notDoing: ["other encodings than UTF-8"],
  requirements: [{ id: "r1", text: "Commas may be quoted.", quote: "Quoted commas are kept." }],
  gates: [{ name: "test", run: "npm test", from: "parse" }],
  tasks: [
    {
      ...{ id: "parse", title: "Parse lines", requirements: ["r1"], permits: ["gates:test"] },
      description: "Export parse(text).\nIt throws with the line's number.",
      acceptance: ['parse("a,b") is ["a", "b"]'],
    },
    {
      ...{ id: "cli", title: "The command", description: "bin/csv.mjs", blockedBy: ["parse"] },
      acceptance: ["it prints"],
    },
  ],
});

describe("a plan's file", () => {
  it("is one that a person can read and edit", () => {
    const listed = [
      { id: "r9", text: "It prints\nhello.", span: { from: 4, to: 5 }, source: "listed" as const },
    ];
    expect(writePlan(PLAN, { about: ["A plan for csv."], listed })).toMatchInlineSnapshot(`
      "# A plan for csv.

      # Requirements, as the spec lists them:
      #   r9 (lines 4-5): It prints hello.

      summary: A parser first, then the command.

      # What the spec leaves open, and how the plan reads it. Coders are told the answers as they stand here.
      ambiguities:
        - question: Are empty fields numbers?
          answer: No, they are missing.

      # What will not be built.
      notDoing:
        - other encodings than UTF-8

      # Each with a sentence of the spec, word for word: that it stands there is checked.
      requirements:
        - id: r1
          text: Commas may be quoted.
          quote: Quoted commas are kept.

      # Commands that decide, exit 0 for green; \`from\`: only once that task has landed.
      gates:
        - name: test
          run: npm test
          timeoutS: 600
          from: parse

      # Every task is built by somebody who is told nothing but what stands here.
      #   id            names its branch and commits
      #   description   what to build and how it behaves
      #   acceptance    what the reviewer checks
      #   requirements  those of the spec that it meets
      #   blockedBy     tasks that must have landed before it begins; the others run side by side
      #   paths         files it is expected to touch; a hint
      #   research      a question about the code base that is answered first
      #   fix           true: its new tests must fail without it
      #   permits       lockfile, gates:<name> or path:<glob>: what it may change beyond product and tests
      tasks:
        - id: parse
          title: Parse lines
          description: |-
            Export parse(text).
            It throws with the line's number.
          acceptance:
            - parse("a,b") is ["a", "b"]
          requirements:
            - r1
          permits:
            - gates:test
        - id: cli
          title: The command
          description: bin/csv.mjs
          acceptance:
            - it prints
          blockedBy:
            - parse
      "
    `);
  });

  it("gives back what was written", () => {
    expect(read(writePlan(PLAN, { about: [], listed: [] }))).toEqual(PLAN);
  });

  it("gives back any plan, whatever characters its texts have, and holds none that drives a terminal", () => {
    const text = fc
      .oneof(
        fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
        fc.constantFrom(
          "\u001b[2J",
          "# no",
          "- a",
          "a: b",
          "'",
          '"',
          "\u2028",
          "|",
          "yes",
          "1e3",
          "\n\n x \n",
        ),
      )
      .map((s) => s.toWellFormed());
    const task = fc.record({
      title: text,
      description: text,
      acceptance: fc.array(text, { minLength: 1, maxLength: 3 }),
    });
    const plans = fc.record({
      summary: text,
      notDoing: fc.array(text, { maxLength: 3 }),
      ambiguities: fc.array(fc.record({ question: text, answer: text }), {
        minLength: 1,
        maxLength: 2,
      }),
      tasks: fc.array(task, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(plans, text, (shape, about) => {
        const tasks = shape.tasks.map((one, i) => ({ id: `t${i}`, ...one }));
        const plan = PlanProposal.parse({ ...shape, tasks });
        const file = writePlan(plan, { about: [about], listed: [] });
        expect(plainText(file)).toBe(file);
        expect(read(file)).toEqual(plan);
      }),
      { numRuns: 150 },
    );
  });

  it("may be the JSON that submit_plan takes", () => {
    expect(read(JSON.stringify(PLAN, null, 2))).toEqual(PLAN);
  });

  it.each([
    [
      "summary: x\ntasks: []\n",
      "plan.yaml:2: tasks: Too small: expected array to have >=1 items, got []",
    ],
    ["summary: x\ntask: []\n", "plan.yaml:2: task: is not a known field"],
    [
      "summary: x\ntasks:\n  - id: a\n    title: A\n    descripton: d\n    acceptance: [x]\n",
      "plan.yaml:5: tasks[0].descripton: is not a known field\n  Did you mean description?",
    ],
    [
      "summary: x\ntasks:\n  - { id: a, title: A, description: d, acceptance: [x], permits: [all] }\n",
      "plan.yaml:3: tasks[0].permits[0]: expected lockfile, gates:<name> or path:<glob>",
    ],
    ["summary: [\n", "plan.yaml:2: is not valid YAML"],
    ["", "plan.yaml:1: summary: expected string, got nothing"],
  ])("that cannot be read is refused with the line and the field: %j", (text, problem) => {
    expect(refused(() => read(text))).toContain(problem);
  });

  it("whose tasks do not hold together is told of with the line of each", () => {
    const text = writePlan(PLAN, { about: ["one", "two"], listed: [] });
    const line = text.split("\n").findIndex((one) => one.includes("id: cli")) + 1;
    const problems = ["Task cli is blocked by x, which ...", "No gate will apply."];
    expect(planFileError({ file: "plan.yaml", text }, problems).problem).toBe(
      `plan.yaml:${line}: Task cli is blocked by x, which ...\nplan.yaml: No gate will apply.`,
    );
  });
});
