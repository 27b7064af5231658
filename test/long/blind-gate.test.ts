import { afterAll, beforeAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { commitFiles } from "../support/git.ts";
import { helloScript, prepareHello } from "../support/hello-run.ts";
import { openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell[Symbol.asyncDispose]());

const config = (gate: Record<string, string>) =>
  stringify({ setup: [], gates: [{ name: "test", run: "true", ...gate }] });

it("a run on a gate that sees nothing ends before any model call, and goes on once the gate is told of", async () => {
  const { repo, args } = await prepareHello(shell, "blind", helloScript());
  await commitFiles(repo, { "a.js": "1;\n", "headrace.yaml": config({}) });
  const told = /test would be refused: .* exit 0, with syntax errors in 1 JavaScript file\n/;
  expect(await shell.headrace("check", "--repo", "blind")).toMatchObject({
    code: 1,
    out: expect.stringMatching(told),
  });
  const refused = await shell.headrace(...args);
  expect(refused, refused.err).toMatchObject({ code: 3 });
  expect(refused.out).toMatch(
    /because gate test \(true\) is refused: it stays green on a tree that is known to be bad: exit 0, with .*`canary: off`/,
  );
  expect(refused.out).toContain(" in 0 calls");

  await commitFiles(repo, { "headrace.yaml": config({ canary: "none.patch" }) });
  expect(await shell.headrace(...args)).toMatchObject({
    code: 2,
    err: expect.stringContaining("gate test: canary: there is no file none.patch in this commit"),
  });

  await commitFiles(repo, { "headrace.yaml": config({ canary: "off" }) });
  const through = await shell.headrace(...args);
  expect(through, through.err + through.out).toMatchObject({ code: 0 });
  expect(through.out).toContain("canary of gate test: off");
  expect(through.out).toContain("gate test was shown no bad tree: switched off by `canary: off`");
});
