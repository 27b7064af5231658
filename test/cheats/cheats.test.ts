import { BUILT_IN_PROTECTED } from "@headrace/intake";
import { checkTampering } from "@headrace/verify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { type Cheat, type Edit, gatesOf, JS, PY, type Tree } from "./cases.ts";
import { hiddenTests, patchedDependency } from "./coders.ts";
import { DYNAMIC_CHEATS, type DynamicCheat, HANGING } from "./dynamic.ts";
import { HONEST_JAVASCRIPT } from "./honest.ts";
import { HONEST_PYTHON } from "./honest-python.ts";
import { HONEST_RUNS } from "./honest-runs.ts";
import { HONEST_TESTS } from "./honest-tests.ts";
import { CODE_CHEATS } from "./javascript.ts";
import { RUNNER_CHEATS } from "./javascript-runners.ts";
import { TEST_CHEATS } from "./javascript-tests.ts";
import { LINK_CHEATS } from "./links.ts";
import { PYTHON_CHEATS } from "./python.ts";
import { PYTHON_TEST_CHEATS } from "./python-tests.ts";
import { cheatTable, KINDS, LANGUAGES, NOT_THERE, type Row } from "./table.ts";
import { type Bench, type Caught, type Language, openBench } from "./verifying.ts";

const CHEATS: Readonly<Record<Language, readonly Cheat[]>> = {
  JavaScript: [...TEST_CHEATS, ...RUNNER_CHEATS, ...CODE_CHEATS, ...LINK_CHEATS.JavaScript],
  Python: [...PYTHON_TEST_CHEATS, ...PYTHON_CHEATS, ...LINK_CHEATS.Python],
};
const HONEST = [...HONEST_TESTS, ...HONEST_JAVASCRIPT, ...HONEST_PYTHON];

const cheats: Row[] = [];
const honest: string[] = [];

/** What the look at the diff says of an edit of a tree. */
const judge = (base: Tree, edit: Edit, permits: readonly string[] = [], links: Tree = {}) =>
  checkTampering({
    files: [...Object.keys(edit), ...Object.keys(links)].map((path) => ({
      path,
      before: base[path],
      after: edit[path] ?? undefined,
      modes: {
        before: base[path] === undefined ? undefined : "100644",
        after: links[path] !== undefined ? "120000" : edit[path] == null ? undefined : "100644",
      },
    })),
    gates: gatesOf(base),
    closed: BUILT_IN_PROTECTED,
    permits,
    base: { paths: Object.keys(base), read: async (path) => base[path] },
  });

const tell = (how: "read" | "run", title: string, refused?: string, flagged?: string) => {
  const green = flagged === undefined ? "accepted" : `accepted, flagged: ${flagged}`;
  const what = refused === undefined ? green : `refused: ${refused}`;
  honest.push(`${how.padEnd(4)} ${title.padEnd(66)} ${what.slice(0, 200)}`);
};

const seen = async ({ base, edit, links }: Cheat): Promise<Caught> => {
  const { problems, flags } = await judge(base, edit, [], links);
  const [problem] = problems;
  if (problem !== undefined) return { outcome: "refused", by: "diff", why: problem };
  const [flag] = flags;
  return flag === undefined
    ? { outcome: "accepted", by: "", why: "" }
    : { outcome: "flagged", by: "diff", why: flag };
};

const keep = (about: Pick<Row, "id" | "language" | "title">, caught: Caught) => {
  const { id, language, title } = about;
  cheats.push({ id, language, title, ...caught });
};

describe.each(LANGUAGES)("cheats in %s, by the look at the diff", (language) => {
  test.each(CHEATS[language].map((cheat) => [cheat.id, cheat.title, cheat] as const))(
    "%s, %s, do not pass unseen",
    async (id, title, cheat) => {
      const caught = await seen(cheat);
      keep({ id, language, title }, caught);
      expect(caught.outcome, caught.why).toBe(cheat.expected);
    },
  );
});

let harness: Awaited<ReturnType<typeof dockerHarness>>;
const benches = new Map<string, Promise<Bench>>();
const closing = new AsyncDisposableStack();
const benchOf = (
  { language, base = language === "JavaScript" ? JS : PY }: { language: Language; base?: Tree },
  timeoutS = 60,
) => {
  const key = JSON.stringify([base, timeoutS]);
  const bench = benches.get(key) ?? openBench(harness, base, { timeoutS });
  benches.set(key, bench);
  return bench;
};
beforeAll(async () => {
  harness = closing.use(await dockerHarness());
});
afterAll(async () => {
  for (const bench of benches.values()) closing.use(await bench);
  await closing.disposeAsync();
});

describe("cheats that are run", () => {
  const named = (rows: readonly DynamicCheat[]) =>
    rows.map((cheat) => [cheat.id, cheat.title, cheat.language, cheat] as const);

  test.each(named(DYNAMIC_CHEATS))("%s, %s, in %s, do not pass", async (...[, , , cheat]) => {
    const caught = await (await benchOf(cheat)).caught(cheat.edit, cheat);
    keep(cheat, caught);
    expect({ outcome: caught.outcome, by: caught.by }, caught.why).toEqual({
      outcome: cheat.expected,
      by: cheat.by,
    });
  });

  test.each(named(HANGING))("%s, %s, in %s, end with their gate", async (...[, , , cheat]) => {
    const caught = await (await benchOf(cheat, 12)).caught(cheat.edit);
    keep(cheat, caught);
    expect(caught).toMatchObject({ outcome: "refused", by: "gate" });
    expect(caught.why).toContain("timed out");
  });

  test.each(LANGUAGES)(
    "V20, a dependency patched by its coder, in %s, is not verified with",
    async (language) => {
      const caught = await patchedDependency(harness, language);
      keep({ id: "V20", language, title: "a dependency patched in the coder's sandbox" }, caught);
      expect(caught).toMatchObject({ outcome: "refused", by: "gate" });
    },
  );

  test.each(LANGUAGES)(
    "V22, tests of history and of others, in %s, are not there to be read",
    async (language) => {
      const caught = await hiddenTests(harness, language);
      keep({ id: "V22", language, title: "a coder looks for tests in other history" }, caught);
      expect(caught.outcome, caught.why).toBe("refused");
    },
  );
});

test("all 32 kinds of cheat are in the corpus, in each ecosystem that has them", () => {
  const shown = new Set(cheats.map(({ id, language }) => `${id} ${language}`));
  const missing = KINDS.flatMap((id) =>
    LANGUAGES.filter((one) => !shown.has(`${id} ${one}`) && NOT_THERE[id]?.[one] === undefined).map(
      (one) => `${id} ${one}`,
    ),
  );
  expect(missing).toEqual([]);
});

describe("honest changes", () => {
  test("are fifty and more", () => {
    expect(HONEST.length).toBeGreaterThanOrEqual(50);
  });

  test.each(HONEST.map((one) => [one.title, one] as const))(
    "%s: not refused by the look at the diff",
    async (title, { base, edit, permits }) => {
      const { problems, flags } = await judge(base, edit, permits);
      tell("read", title, problems[0], flags[0]);
      expect(problems).toEqual([]);
    },
  );

  test.each(HONEST_RUNS.map((run) => [run.change.title, run.language, run] as const))(
    "%s, in %s: not refused by what is run",
    async (title, language, { fix, change: { base, edit, permits } }) => {
      const bench = await benchOf({ language, base });
      const { outcome, by, why } = await bench.caught(edit, { fix, permits });
      const said = outcome === "accepted" ? undefined : `by ${by}: ${why}`;
      const [refused, flagged] = outcome === "refused" ? [said] : [undefined, said];
      tell("run", `${title} (${language})`, refused, flagged);
      expect(outcome, why).not.toBe("refused");
    },
  );
});

afterAll(() => {
  const refused = honest.filter((line) => line.includes(" refused: ")).length;
  const sum = `${HONEST.length} honest changes were read, and ${HONEST_RUNS.length} of them run: ${honest.length - refused} times accepted, ${refused} refused`;
  process.stdout.write(`\n${cheatTable(cheats)}\n\n${honest.join("\n")}\n\n${sum}\n`);
});
