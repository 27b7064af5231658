import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git } from "../support/git.ts";
import { HELLO, helloScript, prepareHello } from "../support/hello-run.ts";
import { blocked, codes } from "../support/script.ts";
import { ended, openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell[Symbol.asyncDispose]());

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

/** Submits and returns at once. */
const submit = async (args: readonly string[]): Promise<string> => {
  const { code, out, err } = await shell.headrace(...args, "--detach", "--json");
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { run: string }).run;
};

/** Follows a run to where it stops. */
const watched = async (run: string) => {
  const { code, out } = await shell.headrace("watch", run);
  return { code, out };
};

describe("a run that ended", () => {
  let repo: string;
  let run: string;
  let followed: string;
  beforeAll(async () => {
    const asks = [
      blocked("hello", { reason: "the spec is silent", question: "In capitals?" }),
      codes("hello", { "hello.txt": HELLO }, { conversation: 2, contains: "No." }),
    ];
    const made = await prepareHello(shell, "asked", helloScript(asks));
    repo = made.repo;
    const notify = `echo "$HEADRACE_RUN $HEADRACE_STATUS: $HEADRACE_MESSAGE" >> ${shell.dir}/notified`;
    run = await submit([...made.args, "--notify", notify]);
    const waits = await watched(run);
    expect(waits).toMatchObject({ code: 5, out: expect.stringContaining("In capitals?") });
    const [, question = ""] = /headrace answer \S+ (\S+) "\.\.\."/.exec(waits.out) ?? [];
    expect(await shell.headrace("answer", run, question, "No.")).toMatchObject({ code: 0 });
    const done = await watched(run);
    expect(done.code, done.out).toBe(0);
    followed = done.out;
  });

  test("was followed in plain lines, was called out for, and says what comes next", async () => {
    expect(followed).not.toContain("\u001b");
    expect(followed).toMatch(/landed as \w{10} on headrace\/hello-\w+\/integration/);
    expect(followed).toContain("You can walk away now: it goes on without this terminal");
    expect(followed).toContain(`merge it: headrace land ${run}`);
    const notified = async () =>
      (await readFile(join(shell.dir, "notified"), "utf8")).trimEnd().split("\n");
    // who follows a run does not wait for what it calls out to
    await expect
      .poll(notified, { timeout: 20_000 })
      .toEqual([
        expect.stringMatching(`^${run} question: question \\S+: In capitals\\?$`),
        `${run} complete: complete: every requirement has evidence`,
      ]);
  });

  test("is one line of status, a report by name, and the same as JSON", async () => {
    const all = await shell.headrace("status");
    expect(all.out).toMatch(new RegExp(`^${run} +complete +1/1 landed .*Hello$`, "m"));
    const one = await shell.headrace("status", run);
    expect(one).toMatchObject({ code: 0, err: "" });
    expect(one.out).toContain("met   r1  hello.txt says hello.");
    const { out } = await shell.headrace("status", run, "--json");
    expect(JSON.parse(out)).toMatchObject({ run: { id: run, status: "complete" } });
  });

  test("has a log without a gap, in words and as JSON", async () => {
    const json = await shell.headrace("log", run, "--json");
    const events = lines(json.out) as { seq: number; type: string }[];
    expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.at(0)?.type).toBe("run.submitted");
    expect(events.some((e) => e.type === "run.completed")).toBe(true);
    const words = await shell.headrace("log", run);
    expect(words.out.trimEnd().split("\n")).toHaveLength(events.length);
  });

  test("can be reviewed: the branch, what it rests on, and the commands that follow", async () => {
    const { out } = await shell.headrace("review", run);
    expect(out).toContain(`branch    headrace/${run}/tasks/hello-say-hello`);
    expect(out).toMatch(/verified {2}readme pass in/);
    expect(out).toContain(`push origin headrace/${run}/integration`);
    const json = await shell.headrace("review", run, "--json");
    expect(JSON.parse(json.out)).toMatchObject([
      { task: "hello", gates: [{ gate: "readme", verdict: "pass" }], requirements: [{ id: "r1" }] },
    ]);
  });

  test("has spent what it tells, and takes no more budget", async () => {
    const { out } = await shell.headrace("budget", run, "--json");
    expect(JSON.parse(out)).toMatchObject({ run, budgetPico: 20e12 });
    expect(await shell.headrace("budget", run, "--raise", "5")).toEqual({
      code: 2,
      out: "",
      err: `headrace: run ${run} has ended: it is complete\n`,
    });
  });

  test("lands at the user's word, once", async () => {
    expect(git(repo, "log", "--format=%s", "main")).toBe("change");
    const first = await shell.headrace("land", run);
    expect(first).toMatchObject({ code: 0, err: "" });
    expect(await readFile(join(repo, "hello.txt"), "utf8")).toBe(HELLO);
    const second = await shell.headrace("land", run);
    expect(second).toEqual({
      code: 0,
      out: `main holds headrace/${run}/integration already\n`,
      err: "",
    });
  });

  test("can be looked at when no factory runs, and stopping twice is no error", async () => {
    expect((await shell.headrace("stop")).out).toContain("the factory has stopped");
    expect(await shell.headrace("stop")).toMatchObject({ code: 0, out: /^no factory serves/ });
    expect((await shell.headrace("status", run)).out).toContain("met   r1");
    expect(await watched(run)).toMatchObject({ code: 0 });
    expect(await shell.headrace("status", "nope")).toEqual({
      code: 2,
      out: "",
      err: "headrace: there is no run nope\n  `headrace status` lists the runs.\n",
    });
  });
});

describe("a run in progress", () => {
  test("stops for its budget, goes on with more, outlives its viewers, and holds back the next", async () => {
    const slow = [codes("hello", { "hello.txt": HELLO }, { delayMs: 8_000 })];
    const { args } = await prepareHello(shell, "slow", helloScript(slow));
    const stopped = await shell.headrace(...args, "--budget", "0.001", "--json");
    expect(stopped.code).toBe(4);
    const [{ run }] = lines(stopped.out) as [{ run: string }];
    expect((await shell.headrace("status", run)).out).toContain(`headrace budget ${run} --raise`);
    // the factory cannot know how its client was called: the client tells the command so that it can be typed
    const refused = await shell.headrace("resume", run, "--data", shell.data);
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain(`\`headrace budget ${run} --raise USD --data ${shell.data}\``);

    const raised = await shell.headrace("budget", run, "--raise", "5");
    expect(raised).toMatchObject({ code: 0, out: `the budget of run ${run} is now $5.00\n` });
    const viewer = shell.start("watch", run);
    viewer.stdout?.on("data", (text: string) => {
      if (text.includes("plan 1 accepted")) viewer.kill("SIGINT");
    });
    const left = await ended(viewer);
    expect(left.code).toBe(130);
    expect(left.out).toContain(`the run goes on: headrace watch ${run}`);

    const behind = await shell.headrace(...args, "--detach");
    expect(behind.out).toContain(`queued behind run ${run}, which works on the same repository`);
    const [, next = ""] = /^run (\S+):/m.exec(behind.out) ?? [];
    expect(await shell.headrace("cancel", next)).toMatchObject({ code: 0 });
    expect(await watched(next)).toMatchObject({ code: 3 });

    expect(await shell.headrace("pause", run)).toMatchObject({ code: 0 });
    expect(await watched(run)).toMatchObject({ code: 5 });
    expect(await shell.headrace("resume", run)).toMatchObject({ code: 0 });
    expect(await watched(run)).toMatchObject({ code: 0 });
  });

  test("in the foreground is parked by Ctrl-C, and goes on in the background when it is resumed", async () => {
    await shell.headrace("stop");
    const slow = [codes("hello", { "hello.txt": HELLO }, { delayMs: 3_000 })];
    const { args } = await prepareHello(shell, "parked", helloScript(slow));
    const front = shell.start(...args, "--foreground");
    front.stdout?.on("data", (text: string) => {
      if (text.includes("attempt 1 starts")) front.kill("SIGINT");
    });
    const { code, err } = await ended(front);
    const [, run = ""] = /^parked; go on with: headrace resume (\S+)$/m.exec(err) ?? [];
    expect({ code, run }).toEqual({ code: 130, run: expect.stringMatching(/^hello-/) });
    const alone = await watched(run);
    expect(alone).toMatchObject({
      code: 5,
      out: expect.stringContaining(`headrace resume ${run}`),
    });
    expect(await shell.headrace("resume", run)).toMatchObject({ code: 0 });
    expect(await watched(run)).toMatchObject({ code: 0 });
  });
});
