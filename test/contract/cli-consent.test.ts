import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fromUsd } from "@headrace/domain";
import { expect, test } from "vitest";
import { serveConsole } from "../support/console-server.ts";
import { controlRig } from "../support/control-rig.ts";
import { LAUNCHER, openShell } from "../support/shell.ts";

const tmux = (...args: string[]) => spawnSync("tmux", args, { encoding: "utf8" });
const noTmux = tmux("-V").status !== 0 && "tmux is not installed: nobody sits at a terminal here";

const until = async (what: string, look: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 60_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await sleep(100);
  }
};

/** A factory that answers for the data directory of a shell, with a run that waits for a consent. */
const waiting = async () => {
  const closing = new AsyncDisposableStack();
  const shell = closing.use(await openShell());
  const rig = closing.use(await controlRig());
  const { commands } = rig.control;
  const console = closing.use(await serveConsole(commands));
  const { submission, pack } = await rig.submission();
  const { run } = await commands.submit({ ...submission, budget: fromUsd(20) }, pack);
  const text = "Plan 1 comes to likely $33.00 in all. Go on?";
  const asked = { question: "consent-1", text, reason: "likely $33.00", about: "consent" } as const;
  await rig.store.append(run, [{ type: "question.asked", ...asked }]);
  await mkdir(shell.data, { recursive: true });
  const { url, token } = console;
  // no process has such an id: nobody can end this one by it
  const file = { url, token, pid: 2 ** 22 + 1, boot: "boot-1" };
  await writeFile(join(shell.data, "control.json"), JSON.stringify(file), { mode: 0o600 });
  return {
    ...{ shell, run, commands },
    answer: async () => (await commands.run(run)).questions["consent-1"]?.answer,
    [Symbol.asyncDispose]: async () => {
      await writeFile(join(shell.data, "control.json"), "gone");
      await closing.disposeAsync();
    },
  };
};

test("who follows a run at a terminal is asked for consent there, and the run is followed further", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  const socket = `${it.shell.dir}/tmux`;
  const on = (...command: string[]) => tmux("-S", socket, ...command);
  const screen = (): string => on("capture-pane", "-p", "-S", "-", "-t", "0").stdout;
  const type = (line: string) => on("send-keys", "-t", "0", line, "Enter");
  const env = ["HEADRACE_HOME", "PATH", "HOME"].map((name) => `${name}=${it.shell.env[name]}`);
  const command = ["env", "-i", ...env, "TERM=screen", process.execPath, LAUNCHER, "watch", it.run];
  on("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", "-c", it.shell.dir, "cat");
  try {
    on("set-option", "-g", "remain-on-exit", "on");
    on("respawn-pane", "-k", "-c", it.shell.dir, "-t", "0", ...command);
    await until("the question", () => screen().includes("yes / no / USD:"));
    expect(screen()).toContain("Plan 1 comes to likely $33.00");
    type("perhaps");
    await until("what an answer is", () => screen().includes("Answer yes, no, or"));
    expect(await it.answer()).toBeUndefined();
    type("40");
    await until("the answer", async () => (await it.answer()) === "40");
    expect((await it.commands.run(it.run)).run.budget).toBe(fromUsd(40));
    await until("the run to be followed further", () =>
      screen().includes("answer to consent-1: 40"),
    );
    await it.commands.cancel(it.run, "enough");
    await until("the report", () => screen().includes("because enough"));
  } finally {
    on("kill-server");
  }
});

test("who follows it without one is given exit code 5, and the command that answers", async () => {
  await using it = await waiting();
  const { code, out } = await it.shell.headrace("watch", it.run);
  expect(code).toBe(5);
  expect(out).toContain(`headrace answer ${it.run} consent-1`);
  expect(out).not.toContain("yes / no / USD:");
  expect(await it.answer()).toBeUndefined();
});
