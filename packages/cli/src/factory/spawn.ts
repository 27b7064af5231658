import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type FactoryControl, InfrastructureError } from "@headrace/domain";
import { type DataDir, makeDataDir } from "../data-dir.ts";
import { connect } from "./control-file.ts";

const LAUNCHER = fileURLToPath(new URL("../../bin/headrace.mjs", import.meta.url));
const START_MS = 90_000;

/** The factory of the data directory: the one that answers, else one started in the background. */
export const ensureFactory = async (
  data: DataDir,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
  awake = true,
): Promise<FactoryControl> => {
  const running = await connect(data);
  if (running) return running.control;
  await makeDataDir(data);
  say(`starting the background factory for ${data.root}`);
  const log = await open(data.log, "a", 0o600);
  const from = (await log.stat()).size;
  const child = spawn(
    process.execPath,
    [LAUNCHER, "serve", "--exit-when-idle", ...(awake ? [] : ["--no-awake"]), "--data", data.root],
    {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env,
    },
  );
  let exit: string | undefined;
  child.once("error", (error) => {
    exit = error.message;
  });
  child.once("exit", (code, signal) => {
    exit = `exit ${code ?? signal}`;
  });
  child.unref();
  await log.close();
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    const found = await connect(data);
    if (found) return found.control;
    // a second client may have started one at the same moment: the loser exits, the winner answers
    if (exit !== undefined) break;
    await sleep(50);
  }
  const late = await waitForOther(data, exit === undefined ? 0 : 3_000);
  if (late) return late;
  const said = (await readFile(data.log)).subarray(from).toString("utf8").trim();
  throw new InfrastructureError(
    `the background factory did not start (${exit ?? "no answer in 90 s"}); nothing was started\n${said}\n  Its log: ${data.log}`,
  );
};

const waitForOther = async (data: DataDir, ms: number): Promise<FactoryControl | undefined> => {
  const deadline = Date.now() + ms;
  do {
    const found = await connect(data);
    if (found) return found.control;
    await sleep(100);
  } while (Date.now() < deadline);
  return undefined;
};
