import type { Honest } from "./cases.ts";
import { HONEST_PYTHON } from "./honest-python.ts";
import { HONEST_TESTS } from "./honest-tests.ts";
import type { Language } from "./verifying.ts";

type Run = { language: Language; fix: boolean; change: Honest };

/** Titles of honest changes that are verified as well: they touch tests, and need nothing that a sandbox lacks. */
const TITLES: Readonly<Record<Language, readonly string[]>> = {
  JavaScript: [
    "a function with its test",
    "more cases in a test file",
    "a test file renamed with its content",
    "a test file moved to a folder",
    "two test files joined",
    "a test file split in two",
    "a formatting sweep",
    "a formatting sweep over a file with an old skip",
    "an old skip is taken away",
    "a test with the word skip in a title and in data",
    "tests in a function that is called with each case",
    "a suite that several files share",
    "helpers of a test file, called from its tests",
    "constants that tests name",
    "a fault is mended, and a test shows it",
  ],
  Python: [
    "a function with its test",
    "a test file renamed with its content",
    "two cases become one with parameters",
    "functions become a class of tests",
    "tests of one name in two classes",
    "a base class of tests, and a decorator around them",
    "docstrings that speak of skipping",
    "a fault is mended, and a test shows it",
  ],
};

const FROM = { JavaScript: HONEST_TESTS, Python: HONEST_PYTHON } as const;

/** Honest changes for the gates, the comparison of reports and the further checks. */
export const HONEST_RUNS: readonly Run[] = (["JavaScript", "Python"] as const).flatMap((language) =>
  TITLES[language].map((title) => {
    const change = FROM[language].find((one) => one.title === title);
    if (change === undefined) throw new Error(`no honest change in ${language} is ${title}`);
    return { language, fix: title.startsWith("a fault is mended"), change };
  }),
);
