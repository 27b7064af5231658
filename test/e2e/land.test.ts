import { afterAll, beforeAll, expect, test } from "vitest";
import { commitFiles, git } from "../support/git.ts";
import { HELLO, prepareHello } from "../support/hello-run.ts";
import { openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
let repo = "";
let run = "";
beforeAll(async () => {
  shell = await openShell();
  const made = await prepareHello(shell, "landing");
  repo = made.repo;
  git(repo, "config", "user.name", "Ada");
  git(repo, "config", "user.email", "ada@example.com");
  const { code, out, err } = await shell.headrace(...made.args, "--foreground");
  expect(code, out + err).toBe(0);
  run = /^run (\S+):/m.exec(out)?.[1] ?? "";
});
afterAll(() => shell[Symbol.asyncDispose]());

/** A branch of its own from where the run began, with a commit of the person's. */
const moved = async (branch: string, files: Parameters<typeof commitFiles>[1]) => {
  git(repo, "checkout", "--quiet", "-b", branch, "main");
  const tip = await commitFiles(repo, files);
  git(repo, "checkout", "--quiet", "main");
  return tip;
};

const land = (branch: string, ...args: string[]) =>
  shell.headrace("land", run, "--into", branch, ...args);

const integration = () => `headrace/${run}/integration`;

test("a branch that has not moved gets the verified tree itself, and its merge names the receipt", async () => {
  git(repo, "branch", "still", "main");
  const { code, out, err } = await land("still");
  expect(code, out + err).toBe(0);
  const receipt = git(
    repo,
    "log",
    "-1",
    "--format=%(trailers:key=Headrace-Receipt,valueonly)",
    integration(),
  );
  const [id = ""] = receipt.split(" ");
  expect(out).toContain(`Its tree is the one that receipt ${id} verified.`);
  expect(out).not.toContain("gate readme");
  const body = git(repo, "log", "-1", "--format=%an|%s|%b", "still");
  expect(body).toContain(`Ada|Merge ${integration()}: Hello|Its tree is the one`);
  expect(body).toContain(`\n\nHeadrace-Run: ${run}\nHeadrace-Receipt: ${receipt.trim()}`);
  expect(git(repo, "rev-parse", "still^{tree}")).toBe(
    git(repo, "rev-parse", `${integration()}^{tree}`),
  );
});

test("a branch is forwarded to the verified commit itself where it was asked for, or not at all", async () => {
  git(repo, "branch", "forward", "main");
  expect(await land("forward", "--fast-forward")).toMatchObject({ code: 0, err: "" });
  expect(git(repo, "rev-parse", "forward")).toBe(git(repo, "rev-parse", integration()));
  const tip = await moved("apart", { "mine.txt": "mine\n" });
  expect(await land("apart", "--fast-forward")).toMatchObject({
    code: 1,
    err: expect.stringContaining("apart has moved on"),
  });
  expect(git(repo, "rev-parse", "apart")).toBe(tip);
});

test("onto a branch that has moved on the gates run on the merge before it is made", async () => {
  const tip = await moved("green", { "mine.txt": "mine\n" });
  const { code, out, err } = await land("green");
  expect(code, out + err).toBe(0);
  expect(out).toContain("gate readme: pass");
  expect(git(repo, "log", "-1", "--format=%P", "green")).toBe(
    `${tip} ${git(repo, "rev-parse", integration())}`,
  );
  expect(git(repo, "log", "-1", "--format=%b", "green")).toContain(
    "on the merge itself these gates passed: readme.",
  );
  expect(git(repo, "show", "green:hello.txt")).toBe(HELLO.trim());
  expect(git(repo, "show", "green:mine.txt")).toBe("mine");
});

test("a merge that is red is refused with what its gates say, and made only as unverified", async () => {
  const tip = await moved("red", { "README.md": "nothing\n" });
  const { code, err } = await land("red");
  expect(code).toBe(1);
  expect(err).toContain(
    "the merge with red is red: gate readme: fail (exit 1); nothing was changed",
  );
  expect(err).toContain(`headrace land ${run} --unverified`);
  expect(git(repo, "rev-parse", "red")).toBe(tip);
  expect(await land("red", "--unverified")).toMatchObject({
    code: 0,
    out: expect.stringContaining("UNVERIFIED: red had moved on"),
  });
  expect(git(repo, "log", "-1", "--format=%b", "red")).toContain("UNVERIFIED: red had moved on");
});

test("a branch that changed the same lines is left as it is, with what to type", async () => {
  const tip = await moved("clash", { "hello.txt": "other words\n" });
  const { code, err } = await land("clash");
  expect(code).toBe(1);
  expect(err).toContain("it conflicts with clash in hello.txt; nothing was changed");
  expect(err).toContain(`switch clash && git -C ${repo} merge ${integration()}`);
  expect(git(repo, "rev-parse", "clash")).toBe(tip);
});
