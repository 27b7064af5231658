import { afterAll, beforeAll } from "vitest";
import { defineLetter } from "./case.ts";
import { LETTERS } from "./letters.ts";
import { openStage, type Stage } from "./stage.ts";

/** A cheap one of each kind; all of them are run by `npm run test:hostile`. */
const SAMPLE: ReadonlySet<string> = new Set(
  (
    "G08u G15u G15a G21a G26u G29 G33 G36a G39 G45a G51 N02 N05 N14 N18 P01 P02 P08 P12 P20 A03 X01 X04 X11 X18 X22a " +
    "E14 E20 M01 M06 M13 U05"
  ).split(" "),
);

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

for (const { letter, what, cases } of LETTERS) {
  const some = cases.filter(({ id }) => SAMPLE.has(id));
  if (some.length > 0) defineLetter(letter, what, some, () => stage);
}
