import { afterAll, beforeAll, expect, test } from "vitest";
import { commitFiles, git } from "../support/git.ts";
import { HELLO, helloScript, prepareHello } from "../support/hello-run.ts";
import { codes, task } from "../support/script.ts";
import { ended, openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell[Symbol.asyncDispose]());

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
