import { setTimeout as sleep } from "node:timers/promises";
import { dataDir } from "../data-dir.ts";
import { connect, readControlFile } from "../factory/control-file.ts";
import { text, type VerbAction } from "../world.ts";

/** longer than a factory lets a model call under way come to its end, which is paid for */
const STOP_MS = 90_000;
const TELL_MS = 3_000;

/** Stops the background factory; its runs are parked and go on with the next one. */
export const stop: VerbAction = async (world, _operands, options) => {
  const data = dataDir(text(options, "data"), world.env);
  const running = await connect(data);
  if (!running) {
    world.out(`no factory serves ${data.root}`);
    return 0;
  }
  const { pid, boot } = running.file;
  // the process answered as this boot a moment ago, so the pid is its own
  process.kill(pid, "SIGTERM");
  const began = Date.now();
  let told = false;
  while ((await readControlFile(data))?.boot === boot || alive(pid)) {
    const waited = Date.now() - began;
    if (!told && waited > TELL_MS) {
      world.out("waiting for model calls under way to end, since they are paid for");
      told = true;
    }
    if (waited > STOP_MS) {
      world.err(
        `the factory (pid ${pid}) has not stopped after ${STOP_MS / 1000} s; its log: ${data.log}`,
      );
      return 1;
    }
    await sleep(100);
  }
  world.out("the factory has stopped; its runs go on when it is started again");
  return 0;
};

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
