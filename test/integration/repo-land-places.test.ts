import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exportedRepo } from "../support/exported-repo.ts";
import { commitFiles, git, tempRepo } from "../support/git.ts";

test("a person who signs commits has this one signed, and a signature that fails changes nothing", async () => {
  await using s = await exportedRepo();
  const gpg = join(s.path, ".git/gpg");
  const signs = (script: string) => writeFile(gpg, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await signs("exit 1");
  git(s.path, "config", "gpg.program", gpg);
  git(s.path, "config", "user.signingKey", "ada");
  git(s.path, "config", "commit.gpgSign", "true");
  git(s.path, "branch", "side");
  for (const into of ["main", "side"]) {
    expect(await s.land({ into })).toMatchObject({
      outcome: "refused",
      reason: expect.stringMatching(/sign/),
    });
    expect(git(s.path, "rev-parse", into)).toBe(s.base);
  }
  await signs('cat > /dev/null; echo "[GNUPG:] SIG_CREATED " >&2; echo BEGIN; echo END');
  for (const into of ["main", "side"]) {
    expect(await s.land({ into })).toMatchObject({ outcome: "landed" });
    expect(git(s.path, "cat-file", "commit", into)).toMatch(/^gpgsig BEGIN$/m);
  }
});

test("a sparse checkout stays sparse", async () => {
  await using s = await exportedRepo({ "in/x.txt": "x\n", "out/y.txt": "y\n" });
  git(s.path, "sparse-checkout", "set", "in");
  expect(await s.land()).toMatchObject({ outcome: "landed" });
  expect((await readdir(s.path)).sort()).toEqual([".git", "a.txt", "in"]);
  expect(git(s.path, "ls-tree", "-r", "--name-only", "main")).toBe("a.txt\nin/x.txt\nout/y.txt");
  expect(git(s.path, "status", "--porcelain")).toBe("");
});

test("a submodule stays where its person has it, and one with other commits is told of", async () => {
  await using s = await exportedRepo();
  await using other = await tempRepo();
  await commitFiles(other.path, { "lib.txt": "1\n" });
  git(s.path, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", other.path, "lib");
  git(s.path, "commit", "--quiet", "--message", "with lib");
  const at = git(join(s.path, "lib"), "rev-parse", "HEAD");
  expect(await s.land()).toMatchObject({ outcome: "landed" });
  expect(git(join(s.path, "lib"), "rev-parse", "HEAD")).toBe(at);
  expect(git(s.path, "rev-parse", "main:lib")).toBe(at);
  expect(git(s.path, "status", "--porcelain")).toBe("");
  git(s.path, "reset", "--quiet", "--hard", "main~1");
  await commitFiles(join(s.path, "lib"), { "lib.txt": "2\n" });
  expect(await s.land()).toMatchObject({
    outcome: "refused",
    reason: expect.stringMatching(/uncommitted changes/),
  });
});

test("a filter that fails in the middle leaves the branch, and says what to bring back", async () => {
  await using s = await exportedRepo({
    ".gitattributes": "*.up filter=up\n",
    "a.txt": "0\n",
    "x.up": "x\n",
  });
  git(s.path, "config", "filter.up.smudge", "exit 1");
  git(s.path, "config", "filter.up.required", "true");
  expect(await s.land()).toMatchObject({
    outcome: "refused",
    reason: expect.stringMatching(/x\.up/),
    remedy: expect.stringMatching(/main is as it was, but files were written/),
  });
  expect(git(s.path, "rev-parse", "main")).toBe(s.base);
});
