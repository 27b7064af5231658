import { spawnSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fromUsd } from "@headrace/domain";
import { createClock, openStore } from "@headrace/store";
import { expect, test } from "vitest";
import { serveConsole } from "../support/console-server.ts";
import { controlRig } from "../support/control-rig.ts";
import { LAUNCHER, openShell } from "../support/shell.ts";
import { submitted } from "./suites/store-fixtures.ts";

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
  const { submission, pack } = await rig.submission();
  const { run } = await commands.submit({ ...submission, budget: fromUsd(20) }, pack);
  const text = "Plan 1 comes to likely $33.00 in all. Go on?";
  const asked = { question: "consent-1", text, reason: "likely $33.00", about: "consent" } as const;
  await rig.store.append(run, [{ type: "question.asked", ...asked }]);
  await mkdir(shell.data, { recursive: true });
  const file = join(shell.data, "control.json");
  const serving = async () => {
    const console = await serveConsole(commands);
    const { url, token } = console;
    // no process has such an id: nobody can end this one by it
    const found = { url, token, pid: 2 ** 22 + 1, boot: "boot-1" };
    await writeFile(file, JSON.stringify(found), { mode: 0o600 });
    return console;
  };
  let console = await serving();
  closing.defer(() => console[Symbol.asyncDispose]());
  return {
    ...{ shell, run, commands },
    answer: async () => (await commands.run(run)).questions["consent-1"]?.answer,
    /** The factory leaves. */
    async leave() {
      await rm(file);
      await console[Symbol.asyncDispose]();
    },
    /** Another one serves the same data directory, at an address of its own. */
    async come() {
      console = await serving();
    },
    [Symbol.asyncDispose]: async () => {
      await writeFile(file, "gone");
      await closing.disposeAsync();
    },
  };
};

type Waiting = Awaited<ReturnType<typeof waiting>>;

/** A person at a terminal that shows the run, as far as the question. */
const watching = async (it: Pick<Waiting, "shell" | "run">) => {
  const on = (...command: string[]) => tmux("-S", `${it.shell.dir}/tmux`, ...command).stdout;
  const screen = (): string => on("capture-pane", "-p", "-S", "-", "-t", "0");
  const env = ["HEADRACE_HOME", "PATH", "HOME"].map((name) => `${name}=${it.shell.env[name]}`);
  const line = ["env", "-i", ...env, "TERM=screen", process.execPath, LAUNCHER, "watch", it.run];
  // tmux itself does not always know how a command ended
  const command = ["sh", "-c", '"$@"; echo "exit code $?"', "sh", ...line];
  on("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", "-c", it.shell.dir, "cat");
  on("set-option", "-g", "remain-on-exit", "on");
  on("respawn-pane", "-k", "-c", it.shell.dir, "-t", "0", ...command);
  using undo = new DisposableStack();
  undo.defer(() => on("kill-server"));
  await until("the question", () => screen().includes("yes / no / USD:"));
  const closing = undo.move();
  return {
    screen,
    type: (line: string) => on("send-keys", "-t", "0", line, "Enter"),
    prompts: () => screen().split("yes / no / USD:").length - 1,
    async exitCode(): Promise<number> {
      const shown = () => /exit code (\d+)/.exec(screen())?.[1];
      await until("its end", () => shown() !== undefined);
      return Number(shown());
    },
    [Symbol.dispose]: () => closing.dispose(),
  };
};

test("who follows a run at a terminal is asked for consent there, and the run is followed further", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  using person = await watching(it);
  expect(person.screen()).toContain("Plan 1 comes to likely $33.00");
  person.type("perhaps");
  await until("what an answer is", () => person.screen().includes("Answer yes, no, or"));
  expect(await it.answer()).toBeUndefined();
  person.type("40");
  await until("the answer", async () => (await it.answer()) === "40");
  expect((await it.commands.run(it.run)).run.budget).toBe(fromUsd(40));
  await until("more of it", () => person.screen().includes("answer to consent-1: 40"));
  await it.commands.cancel(it.run, "enough");
  await until("the report", () => person.screen().includes("because enough"));
  expect(await person.exitCode()).toBe(3);
});

test("an answer reaches the factory that runs by then, and the run is followed there", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  using person = await watching(it);
  await it.leave();
  await it.come();
  person.type("yes");
  await until("the answer", async () => (await it.answer()) === "yes");
  await until("more of it", () => person.screen().includes("answer to consent-1: yes"));
  await it.commands.cancel(it.run, "enough");
  expect(await person.exitCode()).toBe(3);
});

test("an answer starts a factory where none runs, and the run is followed there", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using shell = await openShell();
  await mkdir(shell.data, { recursive: true });
  const asked = {
    question: "consent-1",
    text: "Go on?",
    reason: "$33.00",
    about: "consent",
  } as const;
  const store = await openStore({ file: join(shell.data, "headrace.db"), clock: createClock() });
  // no thread was started of it: the factory finds nothing to do
  await store.append("r", [submitted(), { type: "run.started" }]);
  await store.append("r", [{ type: "question.asked", ...asked }]);
  await store.close();
  using person = await watching({ shell, run: "r" });
  person.type("40");
  await until("more of it", () => person.screen().includes("answer to consent-1: 40"));
  expect(await shell.headrace("cancel", "r")).toMatchObject({ code: 0, err: "" });
  expect(await person.exitCode()).toBe(3);
});

test("an answer elsewhere takes the question from the terminal, and the run is followed further", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  using person = await watching(it);
  await it.commands.answer(it.run, "consent-1", "60");
  await until("more of it", () => person.screen().includes("answer to consent-1: 60"));
  expect(person.prompts()).toBe(1);
  await it.commands.cancel(it.run, "enough");
  expect(await person.exitCode()).toBe(3);
});

test("the question ends with the run, whoever ended it, and so does the command", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  using person = await watching(it);
  await it.commands.cancel(it.run, "enough");
  expect(await person.exitCode()).toBe(3);
  expect(person.screen()).toContain("because enough");
  expect(person.prompts()).toBe(1);
});

test("an answer that comes too late is refused, and what became of the run is shown", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using it = await waiting();
  using person = await watching(it);
  await it.leave();
  await it.commands.cancel(it.run, "enough");
  await it.come();
  person.type("yes");
  expect(await person.exitCode()).toBe(3);
  expect(await it.answer()).toBeUndefined();
  expect(person.screen()).toContain("because enough");
  expect(person.prompts()).toBe(1);
});

test("who follows it without one is given exit code 5, and the command that answers", async () => {
  await using it = await waiting();
  const { code, out } = await it.shell.headrace("watch", it.run);
  expect(code).toBe(5);
  expect(out).toContain(`headrace answer ${it.run} consent-1`);
  expect(out).not.toContain("yes / no / USD:");
  expect(await it.answer()).toBeUndefined();
});
