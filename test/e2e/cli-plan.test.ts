import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collector } from "../support/collector.ts";
import { commitFiles, git } from "../support/git.ts";
import { HELLO, helloScript, prepareHello } from "../support/hello-run.ts";
import { codes, task } from "../support/script.ts";
import { ended, openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
let receiver: Awaited<ReturnType<typeof collector>>;
beforeAll(async () => {
  receiver = await collector();
  shell = await openShell({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

type Told = { seq: number; type: string; role?: string };
const told = (out: string): Told[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);

test("a plan that is handed in is built as it stands, on a red base that is told of first; log follows, land takes a branch", async () => {
  const mends = [codes("hello", { "hello.txt": HELLO, "README.md": "readme\n" })];
  const { repo, args } = await prepareHello(shell, "planned", helloScript(mends));
  git(repo, "branch", "kept");
  await commitFiles(repo, { "README.md": "nothing\n" });
  await shell.file("plan.json", JSON.stringify({ summary: "As given.", tasks: [task("hello")] }));
  const submitted = await shell.headrace(...args, "--plan", "plan.json", "--detach", "--json");
  expect(submitted.code, submitted.err).toBe(0);
  const { run } = JSON.parse(submitted.out) as { run: string };

  const followed = await ended(shell.start("log", run, "--follow", "--json"));
  expect(followed).toMatchObject({ code: 0, err: "" });
  const events = told(followed.out);
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
  const types = events.map((e) => e.type);
  expect(types).toContain("run.completed");
  const warned = events.findIndex((e) =>
    JSON.stringify(e).includes("gate readme is red on the base"),
  );
  expect(warned).toBeGreaterThan(types.indexOf("run.checked"));
  expect(warned).toBeLessThan(types.indexOf("model.called"));
  const asked = events.flatMap((e) => (e.type === "model.called" ? [e.role] : []));
  expect(asked).toEqual(["coder", "reviewer", "reviewer"]);

  const landed = await shell.headrace("land", run, "--into", "kept");
  expect(landed, landed.err).toMatchObject({ code: 0 });
  expect(git(repo, "show", "kept:hello.txt")).toBe(HELLO.trim());
  expect(git(repo, "log", "-1", "--format=%s", "main")).toBe("change");
  expect(await shell.headrace("land", run, "--into", "nope")).toEqual({
    code: 1,
    out: "",
    err: "headrace: there is no branch nope; nothing was changed\n  Create it first: git branch nope\n",
  });
});

test("a plan is made and written, edited by a person, agreed to, and built without another planner", async () => {
  const { repo, args } = await prepareHello(shell, "drafted");
  const [, spec = "", ...where] = args;
  const made = await shell.headrace("plan", spec, ...where, "-o", "plan.yaml", "--json");
  expect(made, made.err).toMatchObject({ code: 0 });
  const plan = JSON.parse(made.out);
  expect(plan).toMatchObject({
    version: 1,
    requirements: [{ id: "r1", text: "hello.txt says hello.", span: { from: 5, to: 5 } }],
    tasks: [{ id: "hello" }],
    preview: { tasks: 1, width: 1, depth: 1 },
  });
  const { out: status } = await shell.headrace("status", plan.run, "--json");
  expect(JSON.parse(status).run).toMatchObject({ status: "planned", exported: {} });
  expect(git(repo, "branch", "--list", "headrace/*")).toBe("");
  const shown = await shell.headrace("plan", "--of", plan.run);
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.out).toContain("r1 (line 5): hello.txt says hello.");
  expect(shown.out).toContain("projected: 1 task, up to 1 at once");

  const file = join(shell.dir, "plan.yaml");
  const text = await readFile(file, "utf8");
  expect(text).toContain(`# Made by run ${plan.run}`);
  await writeFile(file, text.replace("Say hello", "Greet"));
  const again = await shell.headrace("plan", spec, ...where, "-o", "plan.yaml");
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining("is there already") });

  const held = ["--plan", "plan.yaml", "--ask-above", "0.01", "--detach", "--json"];
  const submitted = await shell.headrace(...args, ...held);
  const { run } = JSON.parse(submitted.out) as { run: string };
  const waits = await shell.headrace("watch", run);
  expect(waits, waits.err).toMatchObject({ code: 5 });
  expect(waits.out).not.toContain("You can walk away now");
  expect(waits.out).toContain("Plan 1 comes to up to $");
  const odd = await shell.headrace("answer", run, "consent-1", "perhaps");
  expect(odd).toMatchObject({ code: 2, err: expect.stringContaining("Answer yes, no, or") });
  expect(await shell.headrace("steer", run, "be brief")).toMatchObject({ code: 0 });
  expect(await shell.headrace("answer", run, "consent-1", "yes")).toMatchObject({ code: 0 });
  const built = await shell.headrace("watch", run);
  expect(built.code, built.out).toBe(0);
  expect(built.out).toContain("You can walk away now");
  expect(built.out).toContain("told to every agent: be brief");
  const { out: log } = await shell.headrace("log", run, "--json");
  const asked = told(log).flatMap((e) => (e.type === "model.called" ? [e.role] : []));
  expect(asked).toEqual(["coder", "reviewer", "reviewer"]);
  expect(
    JSON.parse((await shell.headrace("status", run, "--json")).out).tasks.hello.task.title,
  ).toBe("Greet");
});

test("a factory that is given a collector has told it of its runs when it stops", async () => {
  expect(await shell.headrace("stop")).toMatchObject({ code: 0 });
  const names = receiver.spans().map(({ name }) => name);
  for (const name of ["headrace.run", "headrace.task", "invoke_agent coder"])
    expect(names, name).toContain(name);
  expect(names.some((name) => name.startsWith("chat "))).toBe(true);
  expect(receiver.metrics().map(({ name }) => name)).toContain("gen_ai.client.token.usage");
});
