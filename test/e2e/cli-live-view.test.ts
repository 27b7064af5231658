import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { HELLO, helloScript, prepareHello } from "../support/hello-run.ts";
import { codes } from "../support/script.ts";
import { LAUNCHER, openShell } from "../support/shell.ts";

const tmux = (...args: string[]) => spawnSync("tmux", args, { encoding: "utf8" });
const noTmux = tmux("-V").status !== 0 && "tmux is not installed: nothing draws a terminal here";

const until = async (what: string, look: () => boolean, ms = 90_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!look()) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(100);
  }
};

test("on a terminal the run is redrawn in place, and ends as a report", async (context) => {
  context.skip(noTmux !== false, String(noTmux));
  await using shell = await openShell();
  const slow = [codes("hello", { "hello.txt": HELLO }, { delayMs: 4_000 })];
  const { args } = await prepareHello(shell, "live", helloScript(slow));
  const socket = `${shell.dir}/tmux`;
  const on = (...command: string[]) => tmux("-S", socket, ...command);
  const screen = (): string => on("capture-pane", "-p", "-S", "-", "-t", "0").stdout;
  const env = ["HEADRACE_HOME", "PATH", "HOME"].map((name) => `${name}=${shell.env[name]}`);
  const command = ["env", "-i", ...env, "TERM=screen", process.execPath, LAUNCHER, ...args];
  on("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-c", shell.dir, "cat");
  try {
    on("set-option", "-g", "remain-on-exit", "on");
    on("respawn-pane", "-k", "-c", shell.dir, "-t", "0", ...command);
    await until("the coder at work", () => /▸ hello +\S+.*attempt 1/.test(screen()));
    const working = screen();
    await sleep(1_000);
    const later = screen();
    for (const seen of [working, later]) {
      expect(seen.match(/active · 0 of 1 tasks landed/g)).toHaveLength(1);
      expect(seen.match(/You can walk away now: it goes on/g)).toHaveLength(1);
    }
    expect(later).not.toBe(working);
    await until("the report", () => screen().includes("merge it: headrace land"));
    expect(screen().match(/complete · 1 of 1 tasks landed/g)).toHaveLength(2);
    expect(screen()).toContain("met   r1  hello.txt says hello.");
  } finally {
    on("kill-server");
  }
});
