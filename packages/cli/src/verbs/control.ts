import type { FactoryControl } from "@headrace/domain";
import type { Command } from "../command.ts";
import { dataDir } from "../data-dir.ts";
import { factoryOf } from "../factory/going-on.ts";
import { text, type VerbAction, type World } from "../world.ts";

type Acted = { control: FactoryControl; run: string; operands: string[]; command: Command };
type Act = (on: Acted) => Promise<string>;

/** A verb that changes a run. */
const changing =
  (act: Act): VerbAction =>
  async (world: World, [run = "", ...operands], options) => {
    const data = dataDir(text(options, "data"), world.env);
    const control = await factoryOf(data, run, world);
    world.out(await act({ control, run, operands, command: data.command }));
    return 0;
  };

export const pause = changing(async ({ control, run, command }) => {
  await control.pause(run, "paused from the command line");
  return `run ${run} is paused; go on with: ${command(`resume ${run}`)}`;
});

export const resume = changing(async ({ control, run, command }) => {
  await control.resume(run);
  return `run ${run} goes on; see it with: ${command(`watch ${run}`)}`;
});

export const cancel = changing(async ({ control, run }) => {
  await control.cancel(run, "cancelled from the command line");
  return `run ${run} is cancelled; what has landed stays on its branch`;
});

export const answer = changing(async ({ control, run, operands, command }) => {
  const [question = "", words = ""] = operands;
  await control.answer(run, question, words);
  return `question ${question} is answered; see what follows with: ${command(`watch ${run}`)}`;
});

export const steer = changing(async ({ control, run, operands: [words = ""] }) => {
  await control.steer(run, words);
  return `the agents of run ${run} are told before their next call`;
});
