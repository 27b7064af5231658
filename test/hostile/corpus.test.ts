import { afterAll, beforeAll } from "vitest";
import { defineLetter } from "./case.ts";
import { LETTERS } from "./letters.ts";
import { scoreTable } from "./scores.ts";
import { openStage, type Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  try {
    await stage[Symbol.asyncDispose]();
  } finally {
    process.stdout.write(`\n${scoreTable()}\ntripwires: ${stage.tripwires.summary()}\n`);
  }
});

for (const { letter, what, cases } of LETTERS) defineLetter(letter, what, cases, () => stage);
