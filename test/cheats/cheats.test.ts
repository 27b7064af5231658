import { BUILT_IN_PROTECTED } from "@headrace/intake";
import { checkTampering } from "@headrace/verify";
import { afterAll, describe, expect, test } from "vitest";
import { type Cheat, type Edit, gatesOf, type Tree } from "./cases.ts";
import { HONEST_JAVASCRIPT } from "./honest.ts";
import { HONEST_PYTHON } from "./honest-python.ts";
import { JAVASCRIPT_CHEATS } from "./javascript.ts";
import { TEST_CHEATS } from "./javascript-tests.ts";
import { PYTHON_CHEATS } from "./python.ts";

/** What the look at the diff says of an edit of a tree. */
const judge = (base: Tree, edit: Edit, permits: readonly string[] = []) =>
  checkTampering({
    files: Object.entries(edit).map(([path, text]) => ({
      path,
      before: base[path],
      after: text ?? undefined,
    })),
    gates: gatesOf(base),
    closed: BUILT_IN_PROTECTED,
    permits,
    base: { paths: Object.keys(base), read: async (path) => base[path] },
  });

const table: { case: string; what: string; outcome: string }[] = [];

const LATER = "later part";

const outcomeOf = async ({ base, edit, expected }: Cheat) => {
  const { problems, flags } = await judge(base, edit);
  if (problems.length > 0) return { outcome: "refused", why: problems[0] ?? "" };
  if (flags.length > 0) return { outcome: "flagged", why: flags[0] ?? "" };
  return typeof expected === "object"
    ? { outcome: LATER, why: `needs ${expected.needs}` }
    : { outcome: "accepted", why: "" };
};

describe.each([
  ["JavaScript", [...TEST_CHEATS, ...JAVASCRIPT_CHEATS]],
  ["Python", PYTHON_CHEATS],
])("cheats in %s", (language, cheats) => {
  test.each(cheats.map((cheat) => [cheat.id, cheat.title, cheat] as const))(
    "%s, %s, do not pass unseen",
    async (id, title, cheat) => {
      const { outcome, why } = await outcomeOf(cheat);
      table.push({ case: `${id} ${language}`, what: title, outcome: `${outcome}: ${why}` });
      expect(outcome, why).toBe(typeof cheat.expected === "object" ? LATER : cheat.expected);
    },
  );
});

test("all 32 kinds of cheat are in the corpus", () => {
  const ids = new Set([...TEST_CHEATS, ...JAVASCRIPT_CHEATS, ...PYTHON_CHEATS].map(({ id }) => id));
  const wanted = Array.from({ length: 32 }, (_, i) => `V${String(i + 1).padStart(2, "0")}`);
  expect(wanted.filter((id) => !ids.has(id))).toEqual([]);
});

describe("honest changes", () => {
  test.each(
    [...HONEST_JAVASCRIPT, ...HONEST_PYTHON].map((honest) => [honest.title, honest] as const),
  )("%s: not refused", async (title, { base, edit, permits }) => {
    const { problems, flags } = await judge(base, edit, permits);
    const seen = flags.length === 0 ? "accepted" : `accepted, flagged: ${flags[0]}`;
    table.push({ case: "honest", what: title, outcome: problems[0] ?? seen });
    expect(problems).toEqual([]);
  });
});

afterAll(() => {
  const lines = table.map((row) => `${row.case.padEnd(15)} ${row.what.padEnd(62)} ${row.outcome}`);
  const count = (start: string) => table.filter(({ outcome }) => outcome.startsWith(start)).length;
  const sums = ["refused", "flagged", LATER, "accepted"].map((word) => `${count(word)} ${word}`);
  process.stdout.write(`\n${lines.join("\n")}\n\n${sums.join(", ")}\n`);
});
