import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LABELS } from "@headrace/domain";
import { type Simulator, startSimulator } from "@headrace/simulator";
import { createClock, openStore } from "@headrace/store";
import Docker from "dockerode";
import { expect, test } from "vitest";
import { dataDir } from "../../packages/cli/src/data-dir.ts";
import { connect } from "../../packages/cli/src/factory/control-file.ts";
import { readInstallation } from "../../packages/cli/src/user-config.ts";
import { engineAddress } from "../support/engine.ts";
import { lookAt, prepareRun } from "../support/factory-run.ts";
import { tempDir } from "../support/git.ts";
import { accepts, approves, codesSlowly, task } from "../support/script.ts";
import { expectSound, repliesOf } from "../support/soundness.ts";

const LAUNCHER = fileURLToPath(new URL("../../packages/cli/bin/headrace.mjs", import.meta.url));
const WHOLE = "every part is in its place\n";
const TURN_MS = 1_500;
const PATIENCE_MS = 120_000;

const eventually = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
};

/** `headrace serve` on a data directory, in a process of its own. */
const serve = async (dir: string, env: NodeJS.ProcessEnv) => {
  const child: ChildProcess = spawn(process.execPath, [LAUNCHER, "serve", "--data", dir], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const exited = once(child, "exit");
  const { control } = await eventually(
    `the factory to answer; it said ${said.join("")}`,
    async () => {
      const found = await connect(dataDir(dir, env));
      return found?.file.pid === child.pid ? found : undefined;
    },
  );
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    child.kill(signal);
    await exited;
  };
  return { control, end, said };
};

/** The simulator has been asked this question and has not answered yet. */
const underWay = (simulator: Simulator, user: string, turn: number) => () =>
  Promise.resolve(
    simulator
      .requests()
      .find((r) => r.user?.includes(user) && r.turn === turn && r.outcome === "pending"),
  );

/** What a factory killed in the middle of an export and of packs would leave in its directory. */
const leaveHalfDone = async (data: string): Promise<void> => {
  const repos = (await readdir(join(data, "repos"))).map((name) => join("repos", name));
  for (const repo of [...repos, "worker/trees.git"])
    await mkdir(join(data, repo, "quarantine-dead/pack"), { recursive: true });
  await mkdir(join(data, "views/headrace-view-dead/refs"), { recursive: true });
};

/** Sockets, and what is meant to be there for a while only, in a data directory. */
const passing = async (data: string): Promise<string[]> => {
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  const temporary =
    /^(quarantine-|headrace-view-|tmp_|redis\.pid$|control\.json$)|(?<!\.db)\.lock$|\.new$/;
  return entries
    .filter((entry) => entry.isSocket() || temporary.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
};

test("a factory killed again and again in mid-call completes its run, repeats no completed call, and leaves nothing behind", async () => {
  await using closing = new AsyncDisposableStack();
  const data = closing.use(await tempDir("headrace-killed-"));
  const temporary = closing.use(await tempDir("headrace-tmp-"));
  const prepared = await prepareRun(
    {
      tasks: [task("slow"), task("after", { blockedBy: ["slow"] })],
      script: [
        codesSlowly("slow", { "slow.txt": "slow\n" }, TURN_MS),
        codesSlowly("after", { "whole.txt": WHOLE }, 0),
        approves("slow", { delayMs: TURN_MS }),
        approves("after"),
        accepts({ r1: { file: "whole.txt", quote: WHOLE.trim() } }),
      ],
    },
    closing,
  );
  const { script: file, submission, pack } = prepared;
  const simulator = closing.use(await startSimulator({ mode: { kind: "script", file } }));
  const { HEADRACE_HOME: _, ...rest } = process.env;
  const env = {
    ...{ ...rest, TMPDIR: temporary.path },
    ...{ ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: simulator.apiKey },
  };
  const { fingerprint } = await readInstallation({ env, dataDir: data.path });

  let factory = await serve(data.path, env);
  closing.defer(() => factory.end("SIGKILL"));
  const { run } = await factory.control.submit(
    { ...submission, model: { kind: "provider" }, credentials: fingerprint },
    pack,
  );
  for (const [user, turn] of [
    [".slow.coder.", 2],
    [".slow.reviewer.", 1],
  ] as const) {
    await eventually(`${user} turn ${turn}`, underWay(simulator, user, turn));
    await factory.end("SIGKILL");
    await leaveHalfDone(data.path);
    factory = await serve(data.path, env);
    // the folder of its own Redis at most, and not that of the one before
    expect((await readdir(temporary.path)).length).toBeLessThan(2);
  }
  const branch = `refs/heads/headrace/${run}/integration`;
  await eventually("the run to complete", async () => {
    const { run: row } = await factory.control.run(run);
    return row.status === "complete" && row.exported[branch] === row.tip ? row : undefined;
  });
  await factory.end("SIGTERM");

  const store = await openStore({ file: dataDir(data.path, env).store, clock: createClock() });
  closing.defer(() => store.close());
  const host = { store, simulator: async () => simulator, logged: [] };
  const seen = lookAt(host, { ...prepared, id: run, behind: undefined });
  const state = await expectSound(seen);
  expect(state.run.status).toBe("complete");
  expect(Object.values(state.tasks).map((t) => t.attempts)).toEqual([1, 1]);
  expect(await repliesOf(seen)).toHaveLength(9);
  expect((await seen.requests()).filter((r) => r.outcome === "gone")).toHaveLength(2);
  // what was reserved for the two calls cut off stays on the ledger, as estimated
  expect((await seen.calls()).map((c) => c.state).filter((s) => s !== "settled")).toEqual([
    "estimated",
    "estimated",
  ]);
  const owner = (await readFile(dataDir(data.path, env).installation, "utf8")).trim();
  const filters = { label: [`${LABELS.owner}=${owner}`] };
  const docker = new Docker(await engineAddress());
  expect(await docker.listContainers({ all: true, filters })).toEqual([]);
  // its Redis, with socket and log, is in a folder of its own there
  expect(await readdir(temporary.path)).toEqual([]);
  expect(await passing(data.path)).toEqual([]);
});
